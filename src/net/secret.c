/* secret.c - see secret.h. */
#include "net/secret.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"

enum { MOST_SECRET_BYTES = 65536 };

static int take(struct secret *out, const char *text, size_t n, const char *where,
                struct err *e)
{
    if (n > 0 && text[n - 1] == '\n')
        n--;
    if (n > 0 && text[n - 1] == '\r')
        n--;
    if (n == 0)
        return err_set(e, ERR_CONFIG, "%s: the secret is empty", where);
    if (memchr(text, '\0', n) || memchr(text, '\n', n) || memchr(text, '\r', n))
        return err_set(e, ERR_CONFIG, "%s: a secret is one line without NUL bytes", where);
    out->text = malloc(n + 1);
    if (!out->text)
        return err_nomem(e);
    memcpy(out->text, text, n);
    out->text[n] = '\0';
    out->len = n;
    return 0;
}

static int from_file(struct secret *out, const char *path, struct err *e)
{
    struct str content = STR_EMPTY;
    int rc = -1;

    if (file_check_owner(path, true, e) == 0 &&
        file_read(path, MOST_SECRET_BYTES, &content, e) == 0)
        rc = take(out, str_text(&content), content.len, path, e);
    if (content.data)
        explicit_bzero(content.data, content.cap);
    str_clear(&content);
    return rc;
}

int secret_read(struct secret *out, const char *file, const char *env_name, struct err *e)
{
    bool has_file = file && *file, has_env = env_name && *env_name;
    const char *text;

    *out = (struct secret){0};
    if (has_file && has_env)
        return err_set(e, ERR_CONFIG,
                       "secret given twice, by file %s and by variable %s: keep one", file,
                       env_name);
    if (has_file)
        return from_file(out, file, e);
    if (!has_env)
        return 0;
    text = getenv(env_name);
    if (!text)
        return err_set(e, ERR_CONFIG,
                       "environment variable %s is not set: set it for scaler, or name a file",
                       env_name);
    return take(out, text, strlen(text), env_name, e);
}

void secret_clear(struct secret *s)
{
    if (!s)
        return;
    if (s->text)
        explicit_bzero(s->text, s->len);
    free(s->text);
    *s = (struct secret){0};
}
