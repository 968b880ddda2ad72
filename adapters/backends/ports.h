/* ports.h - the option `ports` of backends whose instances are told apart by their port. */
#ifndef SCALER_ADAPTERS_BACKENDS_PORTS_H
#define SCALER_ADAPTERS_BACKENDS_PORTS_H

#include "base/err.h"

#define PORTS_MOST 4096

/* "8001-8064", or one port. ERR_CONFIG. */
int ports_parse(const char *text, int *first, int *last, struct err *e);

#endif
