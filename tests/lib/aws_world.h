/* aws_world.h - a world for tests of what speaks with AWS: keys in the environment that are
 * nobody's, no files, no metadata service; and a server with recorded replies. */
#ifndef SCALER_TESTS_LIB_AWS_WORLD_H
#define SCALER_TESTS_LIB_AWS_WORLD_H

#include "lib/recorded.h"

/* A row that answers whole and closes the connection, so that no length need be told; and the
 * end of a list. */
#define AWS_ROW(start, reply)           \
    {                                   \
        start, reply, sizeof(reply) - 1 \
    }
#define AWS_END       \
    {                 \
        NULL, NULL, 0 \
    }

/* The secret key is "s3cret". */
void aws_world_environment(void);

extern struct recorded aws_world_server;
const char *aws_world_url(void); /* of the server */

/* For cmocka: the environment and the server without replies; its end. */
int aws_world_start(void **state);
int aws_world_stop(void **state);

/* From now on the server answers this alone, whole, and closes. */
void aws_world_answer(const char *start, const char *reply);

#endif
