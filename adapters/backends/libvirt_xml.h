/* libvirt_xml.h - what the libvirt backend writes and reads in XML: domains out of a template,
 * overlay volumes, and the mark that makes a domain ours. Knows nothing of libvirt's library.
 *
 * Expat reads; whatever is written is escaped. */
#ifndef SCALER_ADAPTERS_BACKENDS_LIBVIRT_XML_H
#define SCALER_ADAPTERS_BACKENDS_LIBVIRT_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* Namespace and prefix of the mark, an element <scaler:instance> in a domain's <metadata>. */
#define LIBVIRT_MARK_URI "urn:scaler:libvirt:1"
#define LIBVIRT_MARK_PREFIX "scaler"

enum { LIBVIRT_NAME_SIZE = 128, LIBVIRT_UUID_SIZE = 37, LIBVIRT_VOLUME_SIZE = 200 };

/* What a domain is to us, in the order of its life. It says what was done, so that a call that
 * was cut short can be told by what is missing. */
enum libvirt_role {
    LIBVIRT_NEW,     /* defined; nothing else is sure */
    LIBVIRT_STARTED, /* was started; not seen ready yet */
    LIBVIRT_SERVING, /* was seen ready */
    LIBVIRT_WARM,    /* made to be put aside before it serves */
    LIBVIRT_DRAIN,   /* on its way out */
    LIBVIRT_ROLES,
};

struct libvirt_mark {
    char group[64]; /* the service */
    int number;     /* from 1; the id is the number in four digits */
    enum libvirt_role role;
    int64_t since_ms; /* since 1970 UTC: made, or taken from the warm ones */
    int64_t stop_ms;  /* LIBVIRT_DRAIN: asked to shut down from then on */
    int64_t kill_ms;  /* LIBVIRT_DRAIN: destroyed from then on */
    char pool[64];    /* of its overlay volume; "" none */
    char volume[LIBVIRT_VOLUME_SIZE];
};

/* GROUP-0001. */
void libvirt_name(const char *group, int number, char out[LIBVIRT_NAME_SIZE]);
/* The number out of GROUP-0001, from 1; 0: it is none of the group's. */
int libvirt_number(const char *group, const char *name);

/* 52:54:GG:GG:NN:NN: GG is a hash of the host's name and the group, NN the number. Each further
 * interface adds 4 to the first byte. The same for each life of an instance, so that it gets
 * the same lease; locally administered. */
void libvirt_mac(const char *host, const char *group, int number, int interface, char out[18]);

/* The mark as an element without its namespace, as virDomainSetMetadata takes it. ERR_NOMEM. */
int libvirt_mark_write(const struct libvirt_mark *m, struct str *out, struct err *e);
/* ERR_DATA when it is none. */
int libvirt_mark_read(const char *xml, struct libvirt_mark *out, struct err *e);

struct libvirt_survey {
    int64_t memory_bytes;  /* of a domain */
    int disk;              /* which one the overlay replaces, from 0; -1 none */
    char shared_disk[64];  /* target of a disk that all instances would write to; "" none */
    char missing_disk[64]; /* targets there are, where the one asked for is not; "" */
    int n_interfaces;
};

/* What a template holds. `disk`: the target of the disk that an overlay shall replace ("vda");
 * "": the first hard disk; NULL: none. ERR_DATA when it is no domain; ERR_NOMEM. */
int libvirt_survey(const char *xml, size_t n, const char *disk, struct libvirt_survey *out,
                   struct err *e);

struct libvirt_plan { /* one domain to be */
    const char *name, *uuid, *host;
    const struct libvirt_mark *mark; /* with a volume: the disk of the survey becomes that */
    const char *format;              /* of the volume: "qcow2" */
    int port;                        /* 0 none */
};

/* The template as a domain of its own: name, uuid, MAC addresses, mark and overlay are put in;
 * what belongs to the template alone (id, the path of its nvram, genid) is left out; {name},
 * {id}, {number}, {group}, {uuid} and {port} are filled in wherever they stand. ERR_DATA,
 * ERR_NOMEM. */
int libvirt_domain_xml(const char *xml, size_t n, const struct libvirt_survey *s,
                       const struct libvirt_plan *p, struct str *out, struct err *e);

/* A qcow2 volume over another. ERR_NOMEM. */
int libvirt_volume_xml(const char *name, uint64_t capacity_bytes, const char *base_path,
                       const char *base_format, struct str *out, struct err *e);
/* The format that the XML of a volume names ("raw" when none). ERR_DATA, ERR_NOMEM. */
int libvirt_volume_format(const char *xml, size_t n, char *out, size_t size, struct err *e);

#endif
