/* google_key.c - see google_key.h. */
#include "adapters/cloud/google_key.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef SCALER_WITH_GNUTLS
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#endif

#include "adapters/cloud/rest.h"
#include "base/clk.h"
#include "base/file.h"

enum { MOST_FILE_BYTES = 65536, ASSERTION_S = 3600 };
#define GRANT "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
#define SCOPE "https://www.googleapis.com/auth/compute"

#ifdef SCALER_WITH_GNUTLS

int google_key_can_sign(void)
{
    return 1;
}

/* RFC 7515, section 2: without padding. */
static void add_base64url(struct str *out, const unsigned char *p, size_t n)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)p[i] << 16;
        size_t left = n - i;

        v |= left > 1 ? (unsigned)p[i + 1] << 8 : 0;
        v |= left > 2 ? p[i + 2] : 0;
        for (size_t k = 0; k < (left > 2 ? 4 : left + 1); k++)
            str_add_n(out, &digits[v >> (18 - 6 * k) & 63], 1);
    }
}

static int add_json(struct str *out, json_t *o, struct err *e)
{
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

    json_decref(o);
    if (!text)
        return err_nomem(e);
    add_base64url(out, (const unsigned char *)text, strlen(text));
    free(text);
    return 0;
}

static int sign(const char *pem, const struct str *text, gnutls_datum_t *out, struct err *e)
{
    gnutls_datum_t key = {(unsigned char *)pem, (unsigned)strlen(pem)};
    gnutls_datum_t data = {(unsigned char *)text->data, (unsigned)text->len};
    gnutls_privkey_t k;
    int rc = gnutls_privkey_init(&k);

    if (rc < 0)
        return err_nomem(e);
    rc = gnutls_privkey_import_x509_raw(k, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (rc == 0 && gnutls_privkey_get_pk_algorithm(k, NULL) != GNUTLS_PK_RSA)
        rc = GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;
    if (rc == 0)
        rc = gnutls_privkey_sign_data(k, GNUTLS_DIG_SHA256, 0, &data, out);
    gnutls_privkey_deinit(k);
    if (rc == 0)
        return 0;
    return err_set(e, rc == GNUTLS_E_MEMORY_ERROR ? ERR_NOMEM : ERR_CONFIG,
                   "private_key is no RSA key that can sign: %s", gnutls_strerror(rc));
}

static int add_assertion(struct str *out, const json_t *key, struct err *e)
{
    int64_t now_s = clk_wall_ms() / CLK_SECOND_MS;
    gnutls_datum_t signature = {NULL, 0};
    struct str text = STR_EMPTY;
    int rc = add_json(&text,
                      json_pack("{s:s, s:s, s:s}", "alg", "RS256", "typ", "JWT", "kid",
                                rest_text(key, "private_key_id")),
                      e);

    str_add(&text, ".");
    if (rc == 0)
        rc = add_json(&text,
                      json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss",
                                rest_text(key, "client_email"), "scope", SCOPE, "aud",
                                rest_text(key, "token_uri"), "iat", (json_int_t)now_s, "exp",
                                (json_int_t)(now_s + ASSERTION_S)),
                      e);
    if (rc == 0 && text.failed)
        rc = err_nomem(e);
    if (rc == 0)
        rc = sign(rest_text(key, "private_key"), &text, &signature, e);
    if (rc == 0) {
        str_printf(out, "%s.", str_text(&text));
        add_base64url(out, signature.data, signature.size);
    }
    gnutls_free(signature.data);
    str_clear(&text);
    return rc;
}

#else

int google_key_can_sign(void)
{
    return 0;
}

static int add_assertion(struct str *out, const json_t *key, struct err *e)
{
    (void)out, (void)key;
    return err_set(e, ERR_CONFIG, "this scaler was built without GnuTLS and cannot sign");
}

#endif

static int check_key(const json_t *key, struct err *e)
{
    static const char *const names[] = {"client_email", "private_key", "token_uri"};

    if (strcmp(rest_text(key, "type"), "service_account") != 0)
        return err_set(e, ERR_CONFIG,
                       "not the JSON key of a service account (gcloud iam service-accounts "
                       "keys create)");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!*rest_text(key, names[i]))
            return err_set(e, ERR_CONFIG, "no %s in it", names[i]);
    if (rest_check_secure("token_uri", rest_text(key, "token_uri"), e) != 0)
        return -1;
    return 0;
}

int google_key_form(const char *file, char *url, size_t size, struct str *form, struct err *e)
{
    struct str text = STR_EMPTY;
    json_t *key = NULL;
    int rc = file_check_owner(file, true, e);

    if (rc == 0)
        rc = file_read(file, MOST_FILE_BYTES, &text, e);
    if (rc == 0) {
        key = json_loadb(str_text(&text), text.len, 0, NULL);
        rc = check_key(key, e);
        if (rc == 0 && !str_copy(url, size, rest_text(key, "token_uri")))
            rc = err_set(e, ERR_CONFIG, "token_uri is too long");
        str_add(form, "grant_type=" GRANT "&assertion=");
        if (rc == 0)
            rc = add_assertion(form, key, e);
        if (rc == 0 && form->failed)
            rc = err_nomem(e);
        if (rc != 0)
            err_wrap(e, "key_file %.100s", file);
    }
    json_decref(key);
    if (text.data)
        explicit_bzero(text.data, text.cap);
    str_clear(&text);
    return rc;
}
