/* SPDX-License-Identifier: Apache-2.0 */
#include "control.h"

#include "base/json_out.h"

void control_list_faults(struct connection *connection)
{
    struct server *server = connection->server;
    struct json_out out = json_out_start(&server->scratch);
    buf_clear(&server->scratch);
    json_out_open(&out, '{');
    for (size_t i = 0; i < FAULTS; i++) {
        const struct fault_arm *arm = &server->options->faults.arms[i];
        if (arm->rate <= 0)
            continue;
        json_out_key(&out, span_str(fault_name((enum fault)i)));
        json_out_open(&out, '{');
        json_out_key(&out, SPAN("rate"));
        json_out_double(&out, arm->rate);
        json_out_key(&out, SPAN("times"));
        json_out_u64(&out, arm->times);
        json_out_key(&out, SPAN("seconds"));
        json_out_double(&out, arm->seconds);
        json_out_close(&out, '}');
    }
    json_out_close(&out, '}');
    connection_answer(connection, 200, SPAN("application/json"), buf_span(&server->scratch));
}

/* What is not there stays as it is. */
static bool read_number(struct json_value object, struct span key, double *value)
{
    struct json_value number;
    return !json_get(object, key, &number) || json_number(number, value);
}

/* -ENOENT: the fault "none". */
static int read_arm(struct json_value root, enum fault *ret_fault, struct fault_arm *arm,
                    struct err *err)
{
    struct json_value name;
    double times = arm->times;
    if (json_kind(root) != JSON_OBJECT || !json_get(root, SPAN("fault"), &name) ||
        json_kind(name) != JSON_STRING)
        return err_set(err, -EINVAL, "the body must be an object with a 'fault'");
    if (!read_number(root, SPAN("rate"), &arm->rate) ||
        !read_number(root, SPAN("seconds"), &arm->seconds) ||
        !read_number(root, SPAN("times"), &times) || !(times >= 0 && times <= FAULT_TIMES_MAX))
        return err_set(err, -EINVAL, "'rate', 'seconds' and 'times' are numbers in their ranges");
    arm->times = (uint32_t)times;
    if (fault_of_name(json_string(name), ret_fault) == 0)
        return 0;
    if (span_eq(json_string(name), SPAN("none")))
        return -ENOENT;
    return err_set(err, -EINVAL, "this is no fault");
}

static int arm_or_do(struct connection *connection, struct json_value root, struct err *err)
{
    struct server *server = connection->server;
    struct json_value unused;
    struct fault_arm arm = {.rate = 1, .seconds = 5, .times = 1};
    enum fault fault = FAULT_ERROR;
    int r = read_arm(root, &fault, &arm, err);
    if (r == -ENOENT) {
        memset(server->options->faults.arms, 0, sizeof(server->options->faults.arms));
        return 0;
    }
    struct faults judged = server->options->faults;
    if (r == 0)
        r = faults_arm(&judged, fault, &arm, err);
    if (r < 0)
        return r;
    bool at_once = !json_get(root, SPAN("rate"), &unused);
    if (at_once && fault == FAULT_STALL) {
        engine_stall(server->engine, server_now_us(server) + (uint64_t)(arm.seconds * 1e6));
    } else if (at_once && fault == FAULT_RESTART) {
        connection->keep = false;
        server_restart(server, arm.seconds);
    } else {
        server->options->faults = judged;
    }
    return 0;
}

void control_arm_fault(struct connection *connection)
{
    struct server *server = connection->server;
    struct json_value root;
    struct err err = {""};
    int r = json_parse(server->parser, http_request_body(connection->reader), &root, &err);
    if (r == 0)
        r = arm_or_do(connection, root, &err);
    if (r < 0)
        connection_fail(connection, 400, err.text);
    else
        control_list_faults(connection);
}
