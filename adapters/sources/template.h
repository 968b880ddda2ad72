/* template.h - names of keys with places for service and time.
 *
 *   {service}      name of the service
 *   {epoch}        start of the cell in seconds since 1970
 *   {epoch_ms}     the same in milliseconds
 *   {epoch/60}     the same in seconds, divided and rounded down
 *   {time:FORMAT}  in the zone of the caller; of strftime: %Y %m %d %H %M %S %y %j %F %T %%
 *   {{ and }}      a literal brace (hash tags of Redis Cluster: {{{service}}}) */
#ifndef SCALER_ADAPTERS_SOURCES_TEMPLATE_H
#define SCALER_ADAPTERS_SOURCES_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "base/err.h"
#include "base/str.h"

enum { TEMPLATE_PIECES = 16 };

enum template_kind { PIECE_TEXT, PIECE_SERVICE, PIECE_EPOCH, PIECE_EPOCH_MS, PIECE_TIME };

struct template_piece {
    enum template_kind kind;
    const char *text; /* of PIECE_TEXT and of a FORMAT; borrowed from the template's text */
    size_t len;
    int64_t divisor; /* of PIECE_EPOCH; 1: none */
};

struct template
{
    struct template_piece pieces[TEMPLATE_PIECES];
    size_t n;
    bool has_service;
    bool has_epoch;      /* any of the epoch forms with a divisor of 1 second */
    bool has_any_time;   /* two cells may have two names */
    bool has_clock_time; /* tells hours by the zone's clock: ambiguous when it is set back */
};

/* Reads a template; `text` must outlive it. ERR_CONFIG, naming the place and the known forms,
 * for an unknown placeholder, a single brace, an unknown letter in FORMAT, or too many pieces.
 */
int template_parse(struct template *t, const char *text, struct err *e);

/* Appends the name for a service and the cell that starts at time_ms; zone NULL is UTC. -1: no
 * memory. */
int template_write(const struct template *t, const char *service, int64_t time_ms,
                   GTimeZone *zone, struct str *out);

/* True when another instant has the same name because the clock was set back. */
bool template_is_ambiguous(const struct template *t, int64_t time_ms, GTimeZone *zone);

#endif
