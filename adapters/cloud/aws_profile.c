/* aws_profile.c - see aws_profile.h. Source: AWS SDKs and Tools Reference Guide, "Shared config
 * and credentials files", section "Format of the config file". */
#include "adapters/cloud/aws_profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"

enum { MOST_FILE_BYTES = 1 << 20, MOST_PATH = 4096 };

/* Ways to get keys that this program does not know. */
static const char *const unsupported[] = {"sso_session", "sso_start_url", "role_arn",
                                          "credential_process", "web_identity_token_file"};

struct span {
    const char *at;
    size_t n;
};

static struct span trim(const char *p, size_t n)
{
    while (n > 0 && (*p == ' ' || *p == '\t'))
        p++, n--;
    while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t' || p[n - 1] == '\r'))
        n--;
    return (struct span){p, n};
}

static bool is_word(struct span s, const char *word)
{
    return s.n == strlen(word) && memcmp(s.at, word, s.n) == 0;
}

/* Is "[...]" at p the section of the profile? */
static bool is_section_of(const char *p, size_t n, const char *name, bool is_config)
{
    const char *end = memchr(p, ']', n);
    struct span s;

    if (!end)
        return false;
    s = trim(p + 1, (size_t)(end - p) - 1);
    if (is_config && s.n > 8 && memcmp(s.at, "profile", 7) == 0 &&
        (s.at[7] == ' ' || s.at[7] == '\t'))
        return is_word(trim(s.at + 8, s.n - 8), name);
    return (!is_config || strcmp(name, "default") == 0) && is_word(s, name);
}

static int take(struct aws_profile *p, struct span key, struct span value, struct err *e)
{
    const struct {
        const char *name;
        char **to;
    } rows[] = {{"aws_access_key_id", &p->key_id},
                {"aws_secret_access_key", &p->secret},
                {"aws_session_token", &p->token},
                {"region", &p->region}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!is_word(key, rows[i].name) || *rows[i].to || value.n == 0)
            continue;
        *rows[i].to = strndup(value.at, value.n);
        return *rows[i].to ? 0 : err_nomem(e);
    }
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++)
        if (is_word(key, unsupported[i]) && !p->is_other_identity) {
            p->is_other_identity = strcmp(unsupported[i], "credential_process") != 0;
            str_copy(p->unsupported, sizeof p->unsupported, unsupported[i]);
        }
    return 0;
}

int aws_profile_parse(struct aws_profile *p, const char *text, const char *name, bool is_config,
                      struct err *e)
{
    bool is_ours = false;
    /* Keys of one file belong together: half a pair is not filled up from the other. */
    bool had_keys = p->key_id != NULL;

    while (*text) {
        size_t n = strcspn(text, "\n");
        const char *equals = memchr(text, '=', n);

        if (*text == '[') {
            is_ours = is_section_of(text, n, name, is_config);
            p->is_found |= is_ours;
        } else if (is_ours && equals &&
                   !strchr("#; \t", *text)) { /* a blank: nested settings */
            struct span key = trim(text, (size_t)(equals - text));
            struct span value = trim(equals + 1, n - (size_t)(equals - text) - 1);

            if (!(had_keys && key.n > 4 && memcmp(key.at, "aws_", 4) == 0) &&
                take(p, key, value, e) != 0)
                return -1;
        }
        text += n + (text[n] == '\n');
    }
    return 0;
}

static int read_one(struct aws_profile *p, const char *variable, const char *file,
                    const char *name, bool is_config, struct err *e)
{
    const char *path = getenv(variable), *home = getenv("HOME");
    char in_home[MOST_PATH];
    struct str text = STR_EMPTY;
    int rc = -1;

    if (!path || !*path) {
        if (!home || !*home)
            return 0;
        snprintf(in_home, sizeof in_home, "%s/.aws/%s", home, file);
        path = in_home;
    }
    if (access(path, F_OK) != 0)
        return 0;
    if (file_check_owner(path, !is_config, e) == 0 &&
        file_read(path, MOST_FILE_BYTES, &text, e) == 0)
        rc = aws_profile_parse(p, str_text(&text), name, is_config, e);
    if (text.data)
        explicit_bzero(text.data, text.cap);
    str_clear(&text);
    return rc;
}

int aws_profile_read(struct aws_profile *out, const char *name, struct err *e)
{
    *out = (struct aws_profile){0};
    if (read_one(out, "AWS_SHARED_CREDENTIALS_FILE", "credentials", name, false, e) == 0 &&
        read_one(out, "AWS_CONFIG_FILE", "config", name, true, e) == 0)
        return 0;
    aws_profile_clear(out);
    return -1;
}

void aws_profile_clear(struct aws_profile *p)
{
    if (p->secret)
        explicit_bzero(p->secret, strlen(p->secret));
    if (p->token)
        explicit_bzero(p->token, strlen(p->token));
    free(p->key_id);
    free(p->secret);
    free(p->token);
    free(p->region);
    *p = (struct aws_profile){0};
}
