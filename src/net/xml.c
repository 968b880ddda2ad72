/* xml.c - see xml.h. Expat reads; a document type, with which entities come, is refused. */
#include "net/xml.h"

#include <expat.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum { MOST_DEPTH = 64 };

struct node {
    struct xml_node public;
    struct node *older;    /* all nodes of a tree, to free them */
    struct xml_node *last; /* of the elements inside */
    char *text;
    char name[];
};

struct xml {
    struct node *newest;
    const struct xml_node *root;
};

struct reader {
    struct xml *xml;
    XML_Parser parser;
    struct node *open[MOST_DEPTH];
    size_t depth;
    struct str text; /* since the last tag */
    enum err_code failure;
    const char *why;
};

static void fail(struct reader *r, enum err_code code, const char *why)
{
    r->failure = code;
    r->why = why;
    XML_StopParser(r->parser, XML_FALSE);
}

static struct node *add_node(struct xml *x, const char *full_name)
{
    const char *colon = strrchr(full_name, ':');
    const char *name = colon ? colon + 1 : full_name;
    size_t size = strlen(name) + 1;
    struct node *n = calloc(1, sizeof *n + size);

    if (!n)
        return NULL;
    memcpy(n->name, name, size);
    n->public.name = n->name;
    n->public.text = "";
    n->older = x->newest;
    x->newest = n;
    return n;
}

static void XMLCALL on_start(void *user, const char *name, const char **attributes)
{
    struct reader *r = user;
    struct node *parent = r->depth > 0 ? r->open[r->depth - 1] : NULL, *n;

    (void)attributes;
    str_reset(&r->text);
    if (r->depth == MOST_DEPTH) {
        fail(r, ERR_DATA, "nested too deeply");
        return;
    }
    n = add_node(r->xml, name);
    if (!n) {
        fail(r, ERR_NOMEM, "");
        return;
    }
    if (!parent)
        r->xml->root = &n->public;
    else if (parent->last)
        parent->last->next = &n->public;
    else
        parent->public.child = &n->public;
    if (parent)
        parent->last = &n->public;
    r->open[r->depth++] = n;
}

/* Expat calls it once more after it was stopped, for an element such as <a/>. */
static void XMLCALL on_end(void *user, const char *name)
{
    struct reader *r = user;
    struct node *n;

    (void)name;
    if (r->failure)
        return;
    n = r->open[--r->depth];
    if (!n->public.child && r->text.len > 0) {
        n->text = strndup(str_text(&r->text), r->text.len);
        if (n->text)
            n->public.text = n->text;
        else
            fail(r, ERR_NOMEM, "");
    }
    str_reset(&r->text);
}

static void XMLCALL on_text(void *user, const char *bytes, int n)
{
    struct reader *r = user;

    if (str_add_n(&r->text, bytes, (size_t)n) != 0)
        fail(r, ERR_NOMEM, "");
}

static void XMLCALL on_doctype(void *user, const char *name, const char *system,
                               const char *public, int has_subset)
{
    (void)name, (void)system, (void)public, (void)has_subset;
    fail(user, ERR_DATA, "it has a document type");
}

static int parse(struct reader *r, const char *bytes, size_t n, struct err *e)
{
    enum { PIECE = 1 << 20 }; /* expat counts in int */
    enum XML_Status status = XML_STATUS_OK;
    enum XML_Error error;

    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, on_start, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
    do {
        size_t k = n < PIECE ? n : PIECE;

        status = XML_Parse(r->parser, bytes, (int)k, k == n);
        bytes += k;
        n -= k;
    } while (status == XML_STATUS_OK && n > 0);
    if (status == XML_STATUS_OK)
        return 0;
    error = XML_GetErrorCode(r->parser);
    if (r->failure == ERR_NOMEM || error == XML_ERROR_NO_MEMORY)
        return err_nomem(e);
    return err_set(e, ERR_DATA, "not XML as expected: line %lu: %s",
                   (unsigned long)XML_GetCurrentLineNumber(r->parser),
                   r->failure ? r->why : XML_ErrorString(error));
}

int xml_read(struct xml **out, const char *bytes, size_t n, struct err *e)
{
    struct reader r = {.xml = calloc(1, sizeof *r.xml), .parser = XML_ParserCreate(NULL)};
    int rc = r.xml && r.parser ? parse(&r, bytes, n, e) : err_nomem(e);

    if (r.parser)
        XML_ParserFree(r.parser);
    str_clear(&r.text);
    if (rc == 0)
        *out = r.xml;
    else
        xml_free(r.xml);
    return rc;
}

void xml_free(struct xml *x)
{
    struct node *n = x ? x->newest : NULL;

    while (n) {
        struct node *older = n->older;

        free(n->text);
        free(n);
        n = older;
    }
    free(x);
}

const struct xml_node *xml_root(const struct xml *x)
{
    return x->root;
}

static const struct xml_node *find_from(const struct xml_node *n, const char *name)
{
    while (n && strcmp(n->name, name) != 0)
        n = n->next;
    return n;
}

const struct xml_node *xml_child(const struct xml_node *n, const char *name)
{
    return n ? find_from(n->child, name) : NULL;
}

const struct xml_node *xml_next(const struct xml_node *n, const char *name)
{
    return n ? find_from(n->next, name) : NULL;
}

const char *xml_text(const struct xml_node *n, const char *name)
{
    const struct xml_node *c = xml_child(n, name);

    return c ? c->text : "";
}
