/* libvirt_host.h - the calls of libvirt's library that the libvirt backend makes.
 *
 * All of them may block: libvirt has no deadline of its own. They are made in the thread of
 * aside.h. A connection over a socket is kept between calls; where its other end goes silent,
 * keep-alive messages end a call after some 20 s (not the opening of a connection, which
 * libvirt leaves without an end: until the other side closes it, the backend answers ERR_IO).
 * Only domains whose name is GROUP-NUMBER and that carry the mark of the group are ever
 * touched.
 *
 * Errors of all: ERR_IO (away, failed), ERR_DENIED, ERR_BUSY (another job holds it),
 * ERR_CONFLICT (gone, or there already), ERR_LIMIT (memory, space), ERR_CONFIG, ERR_DATA,
 * ERR_NOMEM. */
#ifndef SCALER_ADAPTERS_BACKENDS_LIBVIRT_HOST_H
#define SCALER_ADAPTERS_BACKENDS_LIBVIRT_HOST_H

#include <libvirt/libvirt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/backends/libvirt_xml.h"
#include "base/err.h"
#include "base/str.h"

/* What the caller does about an error of libvirt: `code` of virErrorNumber, `number` its int1,
 * the errno where code is VIR_ERR_SYSTEM_ERROR. */
enum err_code libvirt_code(int code, int number);
/* "what: message" of this thread's last error of libvirt. Returns -1. */
int libvirt_failed(const char *what, struct err *e);

struct libvirt_host {
    const char *uri;    /* borrowed */
    virConnectPtr conn; /* NULL: not open */
    char name[256];     /* of the host, once it is */
};

/* Once a process, before a connection is opened: libvirt's errors are no longer printed, and
 * its event loop, which keep-alive needs, gets a thread that lives as long as the process. */
void libvirt_prepare(void);

/* Opens it, or again when the one there is dead. */
int libvirt_connect(struct libvirt_host *h, struct err *e);
void libvirt_disconnect(struct libvirt_host *h);

enum libvirt_state {
    LIBVIRT_OFF,
    LIBVIRT_SAVED, /* off, with a managed save: its next start resumes */
    LIBVIRT_RUNNING,
    LIBVIRT_PAUSED,
    LIBVIRT_FROZEN,  /* by an I/O error, asleep, or not to be learned: left as it is */
    LIBVIRT_ENDING,  /* shuts down */
    LIBVIRT_CRASHED, /* and still there */
};

struct libvirt_domain {
    virDomainPtr dom; /* owned by the list */
    char name[LIBVIRT_NAME_SIZE], uuid[LIBVIRT_UUID_SIZE];
    enum libvirt_state state;
    struct libvirt_mark mark;
    bool is_ready; /* for the caller to note */
};

struct libvirt_list {
    struct libvirt_domain *all; /* those of the group, by their number */
    size_t n;
    int *taken; /* numbers that a domain of such a name has, ours or not */
    size_t n_taken;
};

int libvirt_list(struct libvirt_host *h, const char *group, struct libvirt_list *out,
                 struct err *e);
void libvirt_list_clear(struct libvirt_list *l);

/* The template: the XML of a file ("/...") or of a defined domain, with its survey. `disk` as
 * libvirt_survey has it. *is_active: it is a domain, and runs. ERR_CONFIG names what is wrong.
 */
struct libvirt_template {
    struct str xml;
    struct libvirt_survey survey;
    bool is_active;
};
int libvirt_template_read(struct libvirt_host *h, const char *name, const char *disk,
                          struct libvirt_template *out, struct err *e);
void libvirt_template_clear(struct libvirt_template *t);

/* The volume that overlays stand on. ERR_CONFIG when it is not there. */
struct libvirt_base {
    char path[1000], format[32];
    uint64_t capacity_bytes;
};
int libvirt_base_read(struct libvirt_host *h, const char *pool, const char *volume,
                      struct libvirt_base *out, struct err *e);

/* Memory of the host and what its active domains have of it. */
int libvirt_memory(struct libvirt_host *h, int64_t *host_bytes, int64_t *used_bytes,
                   struct err *e);

/* Makes a domain and starts it: defined with its mark first (so that nothing is lost that a cut
 * leaves behind), then its overlay, then the start; its mark says so at last: `started`. With
 * mark->volume empty, and base NULL, there is no overlay. ERR_CONFLICT when its name is taken.
 */
struct libvirt_making {
    const struct libvirt_template *template;
    const struct libvirt_base *base;
    const char *pool;
    int port;
    enum libvirt_role started; /* LIBVIRT_STARTED or LIBVIRT_WARM */
};
int libvirt_make(struct libvirt_host *h, const struct libvirt_making *m,
                 const struct libvirt_mark *mark, struct err *e);

int libvirt_mark(struct libvirt_domain *d, const struct libvirt_mark *m, struct err *e);
/* From paused, saved or off. With `clock`, its guest agent is asked to set its clock anew; that
 * may fail. */
int libvirt_wake(struct libvirt_domain *d, bool clock, struct err *e);
int libvirt_pause(struct libvirt_domain *d, struct err *e);
/* By name and mark, on a connection of the caller's own: it may take as long as its memory
 * takes to write. */
int libvirt_save(struct libvirt_host *h, const char *group, const char *name, struct err *e);
/* how: "auto" (agent, else ACPI), "agent", "acpi". */
int libvirt_shut_down(struct libvirt_domain *d, const char *how, struct err *e);
/* Destroys it if it runs, deletes its overlay, then the domain with its nvram and managed save.
 * Content with what is gone already. */
int libvirt_remove(struct libvirt_host *h, struct libvirt_domain *d, struct err *e);

/* A numeric address of the domain, by "lease", "agent" or "arp". "" while it has none. */
int libvirt_address(struct libvirt_domain *d, const char *how, char *out, size_t size,
                    struct err *e);
/* Its guest agent answers. */
bool libvirt_agent_answers(struct libvirt_domain *d);
/* ERR_DENIED when the connection may only read. Changes nothing. */
int libvirt_check_write(struct libvirt_host *h, struct err *e);

#endif
