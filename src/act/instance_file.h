/* instance_file.h - the files of one instance; for act/instance*.c alone. */
#ifndef SCALER_ACT_INSTANCE_FILE_H
#define SCALER_ACT_INSTANCE_FILE_H

#include <stdbool.h>

#include "act/instance.h"
#include "base/err.h"

/* What the exec step wrote: ID.pid. */
struct instance_record {
    pid_t pid;
    uint64_t start_ticks;
    bool is_this_boot;
    struct limit_groups groups;
};

/* What a supervisor wrote: ID.drain. Times are monotonic, valid within one boot. */
struct instance_drain_mark {
    enum instance_phase phase;
    int64_t until_mono_ms;
};

/* dir/ID.suffix; out >= INSTANCE_PATH_SIZE + 64 bytes. */
#define INSTANCE_FILE_SIZE (INSTANCE_PATH_SIZE + 64)
const char *instance_file(const char *dir, const char *id, const char *suffix, char *out);
void instance_remove_file(const char *dir, const char *id, const char *suffix);

/* All but lock and output. The intent goes last: while it is there, the next one to come looks
 * at the rest. */
void instance_remove_all(const char *dir, const char *id);

/* ID.json. Write: ERR_IO. Read: ERR_IO, ERR_DATA; the caller clears out. */
int instance_spec_write(const char *dir, const struct instance_spec *spec, struct err *e);
int instance_spec_read(const char *dir, const char *id, struct instance_spec *out,
                       struct err *e);

/* ERR_IO, ERR_NOMEM. */
int instance_record_write(const char *dir, const char *id, const struct instance_record *r,
                          struct err *e);
/* 1; 0 with zeros in out when there is none, or none that makes sense; -1 with zeros when that
 * cannot be told now (descriptors, memory): ERR_IO, ERR_NOMEM. Who takes -1 for 0 takes a
 * living instance for a dead one. */
int instance_record_read(const char *dir, const char *id, struct instance_record *out,
                         struct err *e);

int instance_mark_write(const char *dir, const char *id, const struct instance_drain_mark *m,
                        struct err *e);
/* False when there is no file; one that cannot be read, or of another boot, begins anew. */
bool instance_mark_read(const char *dir, const char *id, struct instance_drain_mark *out);

/* True when a living process holds the lock of ID (or it cannot be opened: then it is safer to
 * think so). A look that a start at the same moment meets makes that start ERR_BUSY. */
bool instance_is_locked(const char *dir, const char *id);

#endif
