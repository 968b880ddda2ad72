/* log.h - one line an event on standard error, for a person or a log collector.
 *
 *   2026-11-22T08:40:00Z warn redis: 3 of 41 services stale
 *
 * Log where an error stops travelling, not where it starts. A line is written by one write
 * call, so lines of several threads do not mix; control bytes in it become '?'. */
#ifndef SCALER_BASE_LOG_H
#define SCALER_BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above `level` are dropped. The start value is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

/* `who` names the part or service that speaks ("redis", "checkout"). */
void log_error(const char *who, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_warn(const char *who, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_info(const char *who, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_debug(const char *who, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
