/* fuzz_aws.c - any bytes as AWS's refusal, and as a file of profiles. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/cloud/aws.h"
#include "adapters/cloud/aws_profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct aws_profile p = {0};
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
    free(text);
    return 0;
}
