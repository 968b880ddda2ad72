/* tally.c - see tally.h. */
#include "base/tally.h"

static _Thread_local uint64_t n_requests;

void tally_request(void)
{
    n_requests++;
}

uint64_t tally_requests(void)
{
    return n_requests;
}
