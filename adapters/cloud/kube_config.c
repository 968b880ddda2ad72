/* kube_config.c - see kube_config.h. Sources: Kubernetes reference, "kubeconfig (v1)";
 * "Accessing the Kubernetes API from a Pod". */
#include "adapters/cloud/kube_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/file.h"
#include "base/str.h"
#include "net/http.h"

enum { MOST_FILE_BYTES = 1024 * 1024, MOST_SMALL_BYTES = 4096 };

static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void kube_config_clear(struct kube_config *c)
{
    free(c->server);
    free(c->name_space);
    wipe(c->token);
    free(c->token_file);
    free(c->ca_file);
    free(c->ca_pem);
    free(c->cert_file);
    free(c->cert_pem);
    free(c->key_file);
    wipe(c->key_pem);
    *c = (struct kube_config){0};
}

static const char *env(const char *name)
{
    const char *value = getenv(name);

    return value ? value : "";
}

/* --- the document ------------------------------------------------------------------------ */

/* What is read of one file. */
struct reading {
    yaml_document_t doc;
    const char *dir;
    struct kube_config *out;
};

/* A scalar's text; "" for anything else and for the words of "nothing". */
static const char *text_of(const yaml_node_t *n)
{
    const char *value;

    if (!n || n->type != YAML_SCALAR_NODE)
        return "";
    value = (const char *)n->data.scalar.value;
    if (n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
        (strcmp(value, "null") == 0 || strcmp(value, "~") == 0))
        return "";
    return strlen(value) == n->data.scalar.length ? value : ""; /* none of them holds a NUL */
}

/* NULL: the mapping has no such key, or it is none. */
static yaml_node_t *child(struct reading *r, const yaml_node_t *map, const char *key)
{
    if (!map || map->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start;
         p < map->data.mapping.pairs.top; p++)
        if (strcmp(text_of(yaml_document_get_node(&r->doc, p->key)), key) == 0)
            return yaml_document_get_node(&r->doc, p->value);
    return NULL;
}

static const char *text(struct reading *r, const yaml_node_t *map, const char *key)
{
    return text_of(child(r, map, key));
}

/* The `what` of the entry called `name` in the top list of `what`s: clusters hold a cluster. */
static int find_entry(struct reading *r, const char *what, const char *name, yaml_node_t **out,
                      struct err *e)
{
    const yaml_node_t *list;
    char plural[16];

    snprintf(plural, sizeof plural, "%ss", what);
    list = child(r, yaml_document_get_root_node(&r->doc), plural);
    *out = NULL;
    if (list && list->type == YAML_SEQUENCE_NODE)
        for (const yaml_node_item_t *i = list->data.sequence.items.start;
             i < list->data.sequence.items.top && !*out; i++) {
            const yaml_node_t *entry = yaml_document_get_node(&r->doc, *i);

            if (strcmp(text(r, entry, "name"), name) == 0)
                *out = child(r, entry, what);
        }
    if (*out)
        return 0;
    return err_set(e, ERR_CONFIG, "no %s \"%.80s\" under %s", what, name, plural);
}

/* --- values ------------------------------------------------------------------------------ */

static int copy(char **out, const char *value, struct err *e)
{
    *out = *value ? strdup(value) : NULL;
    return *out || !*value ? 0 : err_nomem(e);
}

static int copy_path(struct reading *r, char **out, const char *value, struct err *e)
{
    struct str path = STR_EMPTY;

    if (!*value || *value == '/')
        return copy(out, value, e);
    str_printf(&path, "%s/%s", r->dir, value);
    if (path.failed) {
        str_clear(&path);
        return err_nomem(e);
    }
    *out = path.data;
    return 0;
}

static int digit(char c)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* Base64 (RFC 4648, section 4), line breaks and blanks in it left out. NULL: it is not that. */
static char *decode(const char *in, char *out)
{
    unsigned bits = 0, n_bits = 0, n_pads = 0;
    char *end = out;

    for (; *in; in++) {
        int d = digit(*in);

        if (*in == '\n' || *in == '\r' || *in == ' ')
            continue;
        if (*in == '=' && ++n_pads <= 2)
            continue;
        if (d < 0 || n_pads > 0)
            return NULL;
        bits = (bits << 6 | (unsigned)d) & 0xffff;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            *end++ = (char)(bits >> n_bits & 0xff);
        }
    }
    *end = '\0';
    return out;
}

/* PEM text out of a "...-data" key; where there is none, the file of the key without "-data".
 */
static int take_pem(struct reading *r, const yaml_node_t *map, const char *key, char **pem,
                    char **file, struct err *e)
{
    char data_key[40];
    const char *data;

    snprintf(data_key, sizeof data_key, "%s-data", key);
    data = text(r, map, data_key);
    if (!*data)
        return copy_path(r, file, text(r, map, key), e);
    *pem = calloc(strlen(data) + 1, 1);
    if (!*pem)
        return err_nomem(e);
    if (!decode(data, *pem) || !strstr(*pem, "-----BEGIN "))
        return err_set(e, ERR_CONFIG, "%s is not PEM in base64", data_key);
    return 0;
}

/* --- a context --------------------------------------------------------------------------- */

/* Over plain http a secret can be read on the way, but for a server on this machine. */
static bool is_secret_safe(const char *server)
{
    const char *host = server + strlen("http://");
    size_t n = strcspn(host, ":/?#");

    if (strncasecmp(server, "https://", 8) == 0)
        return true;
    return (n == 9 && strncasecmp(host, "localhost", n) == 0) ||
           strncmp(host, "[::1]", 5) == 0 ||
           (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == n);
}

static int take_cluster(struct reading *r, const yaml_node_t *c, struct err *e)
{
    static const char *const unknown[] = {"proxy-url", "tls-server-name"};
    const char *server = text(r, c, "server");

    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        if (*text(r, c, unknown[i]))
            return err_set(e, ERR_CONFIG, "%s is not supported", unknown[i]);
    if (!*server)
        return err_set(e, ERR_CONFIG, "no server");
    if (http_check_url(server, e) != 0 || copy(&r->out->server, server, e) != 0)
        return -1;
    for (size_t n = strlen(r->out->server); n > 0 && r->out->server[n - 1] == '/'; n--)
        r->out->server[n - 1] = '\0';
    r->out->is_unverified = strcmp(text(r, c, "insecure-skip-tls-verify"), "true") == 0;
    return take_pem(r, c, "certificate-authority", &r->out->ca_pem, &r->out->ca_file, e);
}

static int take_user(struct reading *r, const yaml_node_t *u, struct err *e)
{
    static const char *const unknown[] = {"exec", "auth-provider", "username", "as"};
    struct kube_config *c = r->out;

    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        if (child(r, u, unknown[i]))
            return err_set(e, ERR_CONFIG,
                           "%s is not supported: use the token of a service account (token or "
                           "tokenFile), a client certificate, or kubectl proxy as server",
                           unknown[i]);
    if (copy(&c->token, text(r, u, "token"), e) != 0 ||
        copy_path(r, &c->token_file, text(r, u, "tokenFile"), e) != 0 ||
        take_pem(r, u, "client-certificate", &c->cert_pem, &c->cert_file, e) != 0 ||
        take_pem(r, u, "client-key", &c->key_pem, &c->key_file, e) != 0)
        return -1;
    if (c->token && strpbrk(c->token, "\r\n"))
        return err_set(e, ERR_CONFIG, "token is more than one line");
    if ((c->cert_pem || c->cert_file) != (c->key_pem || c->key_file))
        return err_set(e, ERR_CONFIG,
                       "client-certificate and client-key belong together: one is missing");
    if ((c->token || c->token_file) && !is_secret_safe(c->server))
        return err_set(e, ERR_CONFIG, "a token is not sent over plain http: write https://");
    return 0;
}

static int take_context(struct reading *r, const char *name, struct err *e)
{
    const yaml_node_t *root = yaml_document_get_root_node(&r->doc);
    yaml_node_t *context, *cluster, *user;
    const char *cluster_name, *user_name;

    if (!root || root->type != YAML_MAPPING_NODE)
        return err_set(e, ERR_CONFIG, "not a kubeconfig: no mapping of clusters and users");
    if (!*name)
        name = text(r, root, "current-context");
    if (!*name)
        return err_set(e, ERR_CONFIG, "no current-context: name one with context");
    if (find_entry(r, "context", name, &context, e) != 0)
        return -1;
    snprintf(r->out->from, sizeof r->out->from, "context %.60s", name);
    cluster_name = text(r, context, "cluster");
    if (find_entry(r, "cluster", cluster_name, &cluster, e) != 0)
        return err_wrap(e, "context \"%.60s\"", name);
    if (take_cluster(r, cluster, e) != 0)
        return err_wrap(e, "cluster \"%.60s\"", cluster_name);
    user_name = text(r, context, "user");
    if (*user_name && find_entry(r, "user", user_name, &user, e) != 0)
        return err_wrap(e, "context \"%.60s\"", name);
    if (*user_name && take_user(r, user, e) != 0)
        return err_wrap(e, "user \"%.60s\"", user_name);
    return copy(&r->out->name_space, text(r, context, "namespace"), e);
}

/* It holds secrets. */
static void delete_document(yaml_document_t *doc)
{
    for (yaml_node_t *n = doc->nodes.start; n < doc->nodes.top; n++)
        if (n->type == YAML_SCALAR_NODE && n->data.scalar.value)
            explicit_bzero(n->data.scalar.value, n->data.scalar.length);
    yaml_document_delete(doc);
}

static int load(yaml_document_t *doc, const char *bytes, size_t n, struct err *e)
{
    yaml_parser_t parser;
    int rc = 0;

    if (!yaml_parser_initialize(&parser))
        return err_nomem(e);
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, n);
    if (!yaml_parser_load(&parser, doc))
        rc =
            parser.error == YAML_MEMORY_ERROR
                ? err_nomem(e)
                : err_set(e, ERR_CONFIG, "line %zu: not YAML: %s", parser.problem_mark.line + 1,
                          parser.problem ? parser.problem : "cannot be read");
    yaml_parser_delete(&parser);
    return rc;
}

int kube_config_parse(struct kube_config *out, const char *bytes, size_t n, const char *context,
                      const char *dir, struct err *e)
{
    struct reading r = {.dir = dir, .out = out};
    int rc;

    *out = (struct kube_config){0};
    if (load(&r.doc, bytes, n, e) != 0)
        return -1;
    rc = take_context(&r, context, e);
    delete_document(&r.doc);
    if (rc != 0)
        kube_config_clear(out);
    return rc;
}

/* --- where it is ------------------------------------------------------------------------- */

int kube_config_read(struct kube_config *out, const char *path, const char *context,
                     struct err *e)
{
    const char *slash = strrchr(path, '/');
    struct str content = STR_EMPTY, dir = STR_EMPTY;
    int rc = -1;

    *out = (struct kube_config){0};
    if (slash ? str_add_n(&dir, path, (size_t)(slash - path)) : str_add(&dir, "."))
        err_nomem(e);
    else if (file_check_owner(path, true, e) == 0 &&
             file_read(path, MOST_FILE_BYTES, &content, e) == 0)
        rc =
            kube_config_parse(out, str_text(&content), content.len, context, str_text(&dir), e);
    if (rc == 0)
        snprintf(out->from + strlen(out->from), sizeof out->from - strlen(out->from),
                 " of %.80s", path);
    if (content.data)
        explicit_bzero(content.data, content.cap);
    str_clear(&content);
    str_clear(&dir);
    return rc == 0 ? 0 : err_wrap(e, "kubeconfig %.80s", path);
}

/* DIR/NAME; NULL: memory. */
static char *in_dir(const char *dir, const char *name)
{
    struct str path = STR_EMPTY;

    str_printf(&path, "%s/%s", dir, name);
    if (!path.failed)
        return path.data;
    str_clear(&path);
    return NULL;
}

static int read_namespace(struct kube_config *out, const char *dir, struct err *e)
{
    struct str content = STR_EMPTY;
    char *path = in_dir(dir, "namespace");
    int rc = path ? file_read(path, MOST_SMALL_BYTES, &content, e) : err_nomem(e);

    if (rc == 0) {
        out->name_space = strndup(str_text(&content), strcspn(str_text(&content), "\r\n"));
        rc = out->name_space ? 0 : err_nomem(e);
    }
    free(path);
    str_clear(&content);
    return rc;
}

int kube_config_of_pod(struct kube_config *out, const char *dir, struct err *e)
{
    const char *host = env("KUBERNETES_SERVICE_HOST"), *port = env("KUBERNETES_SERVICE_PORT");
    bool is_v6 = strchr(host, ':') != NULL;
    struct str server = STR_EMPTY;
    int rc;

    *out = (struct kube_config){.is_pod = true};
    if (!*host || !*port)
        return err_set(e, ERR_CONFIG,
                       "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are "
                       "not set");
    str_printf(&server, "https://%s%s%s:%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
    out->server = server.data;
    out->token_file = in_dir(dir, "token");
    out->ca_file = in_dir(dir, "ca.crt");
    str_copy(out->from, sizeof out->from, "service account of the pod");
    rc = server.failed || !out->token_file || !out->ca_file ? err_nomem(e)
                                                            : http_check_url(out->server, e);
    if (rc == 0)
        rc = read_namespace(out, dir, e);
    if (rc != 0)
        kube_config_clear(out);
    return rc == 0 ? 0 : err_wrap(e, "service account of the pod");
}

int kube_config_find(struct kube_config *out, const char *path, const char *context,
                     struct err *e)
{
    char at_home[400];

    *out = (struct kube_config){0};
    if (*path)
        return kube_config_read(out, path, context, e);
    if (!*context && *env("KUBERNETES_SERVICE_HOST"))
        return kube_config_of_pod(out, KUBE_POD_DIR, e);
    path = env("KUBECONFIG");
    if (strchr(path, ':'))
        return err_set(e, ERR_CONFIG,
                       "KUBECONFIG names several files: name one with kubeconfig");
    if (!*path && !*env("HOME"))
        return err_set(e, ERR_CONFIG,
                       "neither in a pod, nor are KUBECONFIG or HOME set: name a file with "
                       "kubeconfig");
    if (!*path) {
        snprintf(at_home, sizeof at_home, "%.380s/.kube/config", env("HOME"));
        path = at_home;
    }
    return kube_config_read(out, path, context, e);
}
