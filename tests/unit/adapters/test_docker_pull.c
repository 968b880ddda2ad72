/* test_docker_pull.c - what an engine reports of a pull.
 *
 * Reports: Docker Engine 20.10 and Podman 4.3, as they answered
 * tests/integration/test_docker.c, layers cut; "toomanyrequests" and "pull access denied": the
 * words of Docker's documentation
 * ("Docker Hub rate limit", "docker pull"). */
#include "adapters/backends/docker_pull.h"

#include "lib/test.h"

static void reports_are_read_to_their_end(void **state)
{
    static const struct {
        const char *name, *text, *words;
        enum err_code code;
    } cases[] = {
        {"docker, pulled",
         "{\"status\":\"Pulling from app\",\"id\":\"latest\"}\r\n"
         "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":1,\"total\":2},"
         "\"progress\":\"[=>  ] 1B/2B\",\"id\":\"c073d0785bb4\"}\r\n"
         "{\"status\":\"Status: Downloaded newer image for 127.0.0.1:5000/app:latest\"}\r\n",
         "", ERR_NONE},
        {"podman, pulled",
         "{\"status\":\"Writing manifest\"}\n{\"status\":\"x\",\"id\":\"c0\"}", "", ERR_NONE},
        {"nothing", "", "", ERR_NONE},
        {"docker, a layer is lost",
         "{\"status\":\"Pulling from app\",\"id\":\"latest\"}\r\n"
         "{\"errorDetail\":{\"message\":\"unknown blob\"},\"error\":\"unknown blob\"}\r\n",
         "unknown blob", ERR_IO},
        {"podman, no such tag",
         "{\"errorDetail\":{\"message\":\"x\"},\"error\":\"initializing source: reading "
         "manifest none in 127.0.0.1:5000/app: manifest unknown\"}\n",
         "manifest unknown", ERR_CONFIG},
        {"no rights",
         "{\"status\":\"a\"}\n{\"error\":\"pull access denied for app, repository does not "
         "exist or may require 'docker login'\"}",
         "pull access denied", ERR_DENIED},
        {"a rate limit",
         "{\"error\":\"toomanyrequests: You have reached your pull rate limit.\"}",
         "toomanyrequests", ERR_BUSY},
        {"cut within", "{\"status\":\"Pulling\"}\n{\"status\":\"Down", "or ends within",
         ERR_DATA},
        {"not JSON", "<html>", "not JSON", ERR_DATA},
        {"not a report", "[1]", "not a progress report", ERR_DATA},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {0};
        int rc = docker_pull_read(cases[i].text, strlen(cases[i].text), &e);

        print_message("%s\n", cases[i].name);
        assert_int_equal(rc, cases[i].code == ERR_NONE ? 0 : -1);
        assert_int_equal(e.code, cases[i].code);
        assert_contains(e.msg, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reports_are_read_to_their_end)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
