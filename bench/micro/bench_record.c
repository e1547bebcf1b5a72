/* SPDX-License-Identifier: Apache-2.0 */
/* What the end of a request costs: its line for the log, the hash of its address, and counters, tally and ledger row. */
#include "harness.h"
#include "record/access_line.h"
#include "record/address.h"
#include "record/recorder.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

/* ---- lines ---- */

static struct record refused = {.request_id = SPAN_NULL,
                                .reason = REASON_BAD_KEY,
                                .status = 401,
                                .bytes_in = 300,
                                .began_us = 1000000,
                                .head_us = 1000020,
                                .ended_us = 1000040,
                                .wall_ms = 1795476901042};
static struct record served, strange;

static void make_records(void)
{
    refused.request_id = SPAN("req_00abcdefghi01234567890");
    refused.method = SPAN("POST");
    refused.path = SPAN("/v1/chat/completions");
    refused.endpoint = SPAN("chat");
    refused.user_agent = SPAN("OpenAI/Python 1.99.1");
    served = refused;
    served.client_request_id = SPAN("1f0c9f3e-8c55-4a3e-9a3f-2f3ad1c9a611");
    served.model = SPAN("smollm2-135m-instruct");
    served.backend = SPAN("http://127.0.0.1:41231");
    served.key_id = 0x0123456789abcdef;
    served.reason = REASON_OK;
    served.status = 200;
    served.stream = served.streamed_upstream = served.reused_upstream = true;
    served.called = served.charged = true;
    served.tries = 1;
    served.bytes_out = 12345;
    served.prompt_tokens = 120;
    served.completion_tokens = 400;
    served.body_us = 1000030;
    served.turn_us = 1000050;
    served.picked_us = 1000060;
    served.connected_us = 1000061;
    served.first_byte_us = 1200000;
    served.first_token_us = 1200100;
    served.last_token_us = 4000000;
    served.ended_us = 4000100;
    strange = served;
    strange.user_agent = SPAN("\"quoted\" \xe6\xa8\xa1\xe5\x9e\x8b \x01\x02 \\ and more of it");
}

static void repeat_line(void *arg, uint64_t times)
{
    static char line[ACCESS_LINE_BYTES_MAX];
    struct record record = *(const struct record *)arg;
    struct access_writer writer = {.peer = 0x123456789abcdef0};
    for (uint64_t i = 0; i < times; i++) {
        record.wall_ms += i % 10 == 0; /* 10,000 requests a second */
        record.bytes_out += i;
        check(access_line_write(&writer, &record, line) > 0);
        bench_keep(line);
    }
}

static void repeat_address(void *arg, uint64_t times)
{
    struct address_salt salt = {.day = 1, .key = {{1}}};
    struct sockaddr_storage peer = {0};
    struct sockaddr_in *address = (struct sockaddr_in *)&peer;
    uint64_t sum = 0;
    (void)arg;
    address->sin_family = AF_INET;
    for (uint64_t i = 0; i < times; i++) {
        address->sin_addr.s_addr = (uint32_t)i;
        sum += address_hash(&salt, &peer);
    }
    bench_keep(&sum);
}

/* ---- a recorder with its files in a folder of its own, and no log ---- */

struct service {
    char folder[40];
    struct loop *loop;
    struct store *store;
    struct helper *helper;
    struct record_hub *hub;
    struct recorder *recorder;
};

static void service_begin(struct service *service)
{
    char path[64];
    int error = 0;
    struct err lost = {""};
    snprintf(service->folder, sizeof(service->folder), "/tmp/seawall-bench-XXXXXX");
    check(mkdtemp(service->folder));
    snprintf(path, sizeof(path), "%s/seawall.db", service->folder);
    service->loop = loop_new();
    service->store = store_new(path, &error, NULL);
    check(service->loop && service->store && error == 0);
    service->helper = helper_new(service->loop, "store", 16);
    check(service->helper);
    service->hub = record_hub_new(&(struct record_hub_spec){.loop = service->loop,
                                                            .store_helper = service->helper,
                                                            .store = service->store,
                                                            .folder = service->folder,
                                                            .access_log = SPAN("off"),
                                                            .workers = 1},
                                  &lost, NULL);
    check(service->hub);
    service->recorder = recorder_new(service->hub, service->loop, 0);
    check(service->recorder);
}

static void service_end(struct service *service)
{
    recorder_free(service->recorder);
    record_hub_free(service->hub);
    helper_free(service->helper);
    store_free(service->store);
    loop_free(service->loop);
    DIR *folder = opendir(service->folder);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    (void)rmdir(service->folder);
}

static void repeat_recorded(void *arg, uint64_t times)
{
    const struct service *service = arg;
    struct record record = served;
    for (uint64_t i = 0; i < times; i++) {
        record.bytes_out += i;
        recorder_call_begins(service->recorder);
        recorder_request(service->recorder, &record);
    }
}

int main(int argc, char **argv)
{
    struct service service;
    const struct bench benches[] = {
        {"access-line/refused", 0, repeat_line, &refused},
        {"access-line/served", 0, repeat_line, &served},
        {"access-line/strange", 0, repeat_line, &strange},
        {"record/address-hash", 0, repeat_address, NULL},
        {"record/counters-and-row", 0, repeat_recorded, &service},
    };
    make_records();
    service_begin(&service);
    int status = bench_main(argc, argv, benches, COUNT_OF(benches));
    service_end(&service);
    return status;
}
