/* fuzz_aws.c - any bytes as AWS's answers, and as a file of profiles. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/backends/ec2_group.h"
#include "adapters/cloud/aws.h"
#include "adapters/cloud/aws_profile.h"
#include "adapters/sources/cloudwatch_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int take_value(void *user, size_t query, int64_t time_ms, double value, struct err *e)
{
    (void)user, (void)query, (void)time_ms, (void)value, (void)e;
    return 0;
}

static void take_failure(void *user, size_t query, const struct err *e)
{
    (void)user, (void)query, (void)e;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const struct cloudwatch_reader reader = {take_value, take_failure, NULL};
    struct aws_profile p = {0};
    struct str next = STR_EMPTY;
    struct ec2_group group;
    struct err e;
    char code[80], message[161];
    char *text = malloc(n + 1);

    if (!text)
        return 0;
    memcpy(text, bytes, n);
    text[n] = '\0';
    aws_read_error(text, n, "", code, sizeof code, message, sizeof message);
    aws_profile_parse(&p, text, "web", false, &e);
    aws_profile_parse(&p, text, "web", true, &e);
    aws_profile_clear(&p);
    ec2_group_read(text, n, "web", &group, &next, &e);
    cloudwatch_read(text, n, &reader, &next, &e);
    str_clear(&next);
    free(text);
    return 0;
}
