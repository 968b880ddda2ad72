/* aws_error.c - the code and the words of an answer that says no, in all three protocols:
 *
 *   query  <ErrorResponse><Error><Code>...</Code><Message>...</Message></Error></ErrorResponse>
 *          (EC2: <Response><Errors><Error>...)
 *   JSON   {"__type": "com.amazonaws.x#Code", "message": "..."}
 *   REST   x-amzn-ErrorType: Code:http://..., and {"Message": "..."}
 *
 * Source: Smithy 2.0, "AWS Query protocol", "AWS JSON 1.1 protocol", "AWS restJson1 protocol",
 * each its section "Error response serialization". */
#include <jansson.h>
#include <string.h>

#include "adapters/cloud/aws.h"
#include "net/xml.h"

/* "com.amazonaws.x#Code:http://..." is Code. */
static void copy_code(char *out, size_t size, const char *text)
{
    const char *hash = strrchr(text, '#');
    size_t n;

    str_copy(out, size, hash ? hash + 1 : text);
    n = strcspn(out, ":");
    out[n] = '\0';
}

static void read_xml(const char *body, size_t n, char *code, size_t code_size, char *message,
                     size_t message_size)
{
    const struct xml_node *error;
    struct xml *x = NULL;

    if (xml_read(&x, body, n, NULL) != 0)
        return;
    error = xml_child(xml_root(x), "Error");
    if (!error)
        error = xml_child(xml_child(xml_root(x), "Errors"), "Error");
    copy_code(code, code_size, xml_text(error, "Code"));
    str_copy(message, message_size, xml_text(error, "Message"));
    xml_free(x);
}

static void read_json(const char *body, size_t n, char *code, size_t code_size, char *message,
                      size_t message_size)
{
    json_t *root = json_loadb(body, n, 0, NULL);
    const char *type = json_string_value(json_object_get(root, "__type"));
    const char *words = json_string_value(json_object_get(root, "message"));

    if (!words)
        words = json_string_value(json_object_get(root, "Message"));
    if (type && !code[0])
        copy_code(code, code_size, type);
    str_copy(message, message_size, words ? words : "");
    json_decref(root);
}

void aws_read_error(const char *body, size_t n, const char *header, char *code,
                    size_t code_size, char *message, size_t message_size)
{
    size_t start = strspn(body, " \t\r\n");

    message[0] = '\0';
    copy_code(code, code_size, header);
    if (body[start] == '<')
        read_xml(body, n, code, code_size, message, message_size);
    else if (body[start] == '{')
        read_json(body, n, code, code_size, message, message_size);
    for (char *p = message; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
}
