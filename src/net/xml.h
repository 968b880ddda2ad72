/* xml.h - a reply in XML as a tree of elements. Attributes and comments are left out, prefixes
 * of namespaces cut. */
#ifndef SCALER_NET_XML_H
#define SCALER_NET_XML_H

#include <stddef.h>

#include "base/err.h"

struct xml; /* owns all its nodes */

struct xml_node {
    const char *name; /* without its prefix */
    const char *text; /* of an element without elements in it; "" when it has some */
    const struct xml_node *child, *next; /* the first inside, the next beside; NULL: none */
};

/* ERR_DATA when it is not well-formed, has a document type (no API sends one) or nests deeper
 * than 64; ERR_NOMEM. The caller frees. */
int xml_read(struct xml **out, const char *bytes, size_t n, struct err *e);
void xml_free(struct xml *x); /* NULL is fine */

const struct xml_node *xml_root(const struct xml *x);

/* The first element of that name inside `n`, and the next one beside it. NULL when there is
 * none or n is NULL, so that calls may be nested without looking. */
const struct xml_node *xml_child(const struct xml_node *n, const char *name);
const struct xml_node *xml_next(const struct xml_node *n, const char *name);

/* Text of the first element of that name inside `n`; "" when there is none. */
const char *xml_text(const struct xml_node *n, const char *name);

#endif
