/* tally.h - how many requests a thread has sent to other sides: HTTP requests and runs of
 * programs. Who calls a plug-in takes the difference, so that no plug-in has to count. */
#ifndef SCALER_BASE_TALLY_H
#define SCALER_BASE_TALLY_H

#include <stdint.h>

void tally_request(void);      /* one more, about to be sent by this thread */
uint64_t tally_requests(void); /* by this thread since it began */

#endif
