/* aws_world.c - see aws_world.h. */
#include "lib/aws_world.h"

#include "lib/test.h"

struct recorded aws_world_server;

void aws_world_environment(void)
{
    static const char *const names[] = {"AWS_SESSION_TOKEN",
                                        "AWS_PROFILE",
                                        "AWS_REGION",
                                        "AWS_DEFAULT_REGION",
                                        "AWS_WEB_IDENTITY_TOKEN_FILE",
                                        "AWS_CONFIG_FILE",
                                        "AWS_SHARED_CREDENTIALS_FILE"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    setenv("HOME", test_temp_dir(), 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    setenv("AWS_ACCESS_KEY_ID", "AKIAX", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s3cret", 1);
}

const char *aws_world_url(void)
{
    static char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%d", aws_world_server.port);
    return url;
}

int aws_world_start(void **state)
{
    static const struct recorded_row none[] = {AWS_END};

    (void)state;
    aws_world_environment();
    recorded_start(&aws_world_server, true, none);
    return 0;
}

int aws_world_stop(void **state)
{
    (void)state;
    recorded_stop(&aws_world_server);
    return 0;
}

void aws_world_answer(const char *start, const char *reply)
{
    const struct recorded_row rows[] = {{start, reply, strlen(reply)}, AWS_END};

    recorded_set(&aws_world_server, rows);
}
