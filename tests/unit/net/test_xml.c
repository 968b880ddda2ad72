/* test_xml.c - replies in XML as a tree, and what is refused. */
#include "lib/test.h"

#include "net/xml.h"

static const char reply[] =
    "<?xml version=\"1.0\"?>\n"
    "<R xmlns=\"http://x/\" xmlns:p=\"http://p/\">\n"
    "  <Names><member>a&amp;b</member><member/><member>c<!-- d -->e</member></Names>\n"
    "  <p:Size unit=\"1\">5</p:Size>\n"
    "  <Name> two words </Name>\n"
    "</R>\n";

static void a_tree_is_walked_by_names(void **state)
{
    const struct xml_node *root, *m;
    struct xml *x = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(xml_read(&x, reply, sizeof reply - 1, &e), 0);
    root = xml_root(x);
    assert_string_equal(root->name, "R");
    assert_string_equal(xml_text(root, "Size"), "5");
    assert_string_equal(xml_text(root, "Name"), " two words ");
    assert_string_equal(xml_text(root, "Nothing"), "");
    assert_string_equal(xml_text(root, "Names"), "");
    m = xml_child(xml_child(root, "Names"), "member");
    assert_string_equal(m->text, "a&b");
    m = xml_next(m, "member");
    assert_string_equal(m->text, "");
    m = xml_next(m, "member");
    assert_string_equal(m->text, "ce");
    assert_null(xml_next(m, "member"));
    assert_null(xml_child(NULL, "member"));
    assert_null(xml_child(xml_child(root, "Nothing"), "member"));
    xml_free(x);
}

static void what_is_no_reply_is_refused(void **state)
{
    static const char bomb[] = "<!DOCTYPE r [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>"
                               "<r>&b;</r>";
    static const struct {
        const char *name, *text, *message;
    } cases[] = {
        {"empty", "", "no element"},     {"html", "<html><br></html>", "mismatched"},
        {"cut", "<a><b>", "no element"}, {"an entity bomb", bomb, "document type"},
        {"twice", "<a/><b/>", "junk"},   {"text", "Internal Server Error", "syntax error"},
    };
    struct xml *x = NULL;
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("%s\n", cases[i].name);
        assert_int_equal(xml_read(&x, cases[i].text, strlen(cases[i].text), &e), -1);
        assert_int_equal(e.code, ERR_DATA);
        assert_contains(e.msg, cases[i].message);
    }
}

static void depth_has_an_end(void **state)
{
    char text[2000] = "";
    struct xml *x = NULL;
    struct err e = {0};

    (void)state;
    for (int i = 0; i < 65; i++)
        strcat(text, "<a>");
    for (int i = 0; i < 65; i++)
        strcat(text, "</a>");
    assert_int_equal(xml_read(&x, text, strlen(text), &e), -1);
    assert_contains(e.msg, "deep");
    memcpy(text + 64 * 3, "<a/></a></a>", 13); /* expat ends the last one after the refusal */
    assert_int_equal(xml_read(&x, text, strlen(text), &e), -1);
    assert_contains(e.msg, "deep");
    text[0] = '\0';
    for (int i = 0; i < 64; i++)
        strcat(text, "<a>");
    for (int i = 0; i < 64; i++)
        strcat(text, "</a>");
    assert_int_equal(xml_read(&x, text, strlen(text), &e), 0);
    xml_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_is_walked_by_names),
        cmocka_unit_test(what_is_no_reply_is_refused),
        cmocka_unit_test(depth_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
