/* SPDX-License-Identifier: Apache-2.0 */
/* simllm: an inference server that has no model. */
#include "base/log.h"
#include "calibrate.h"
#include "net/listen.h"
#include "server.h"

#include <signal.h>
#include <unistd.h>

static int fail(const struct err *err)
{
    (void)fprintf(stderr, "simllm: %s\n", err->text);
    return 1;
}

/* ── serve ── */

static int listen_on(const struct options *options, int *ret_fd, struct err *err)
{
    struct sockaddr_storage address;
    socklen_t len;
    char text[160];
    bool bare_v6 = strchr(options->host, ':') && options->host[0] != '[';
    (void)snprintf(text, sizeof(text), bare_v6 ? "[%s]:%u" : "%s:%u", options->host, options->port);
    int r = net_parse_address(span_str(text), &address, &len, err);
    if (r < 0)
        return err_prefix(err, r, "--host");
    *ret_fd = net_listen(&address, len, false, err);
    return *ret_fd < 0 ? *ret_fd : 0;
}

/* The one line that says that it is ready. */
static void print_ready(int fd, const struct options *options)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    char text[128];
    (void)getsockname(fd, (struct sockaddr *)&address, &len);
    net_format_address(&address, true, text, sizeof(text));
    printf("simllm: http://%s serves '%s' as preset '%s', at %g times its speed\n", text,
           options->preset.model.name, options->preset.name, options->speed);
    (void)fflush(stdout);
}

static void on_signal(int signum, void *arg)
{
    (void)signum;
    loop_stop(arg);
}

static int run(struct loop *loop, struct options *options, struct err *err)
{
    int fd = -1;
    struct server *server = server_new(loop, options, err);
    int r = server ? listen_on(options, &fd, err) : -ENOMEM;
    if (r == 0 && server_listen(server, fd) < 0)
        r = err_set(err, -ENOMEM, "out of memory");
    if (r == 0) {
        print_ready(fd, options);
        loop_run(loop);
    }
    server_free(server);
    if (fd >= 0)
        (void)close(fd);
    return r;
}

static int cmd_serve(int argc, char **argv)
{
    struct err err = {""};
    static struct options options;
    int r = options_read(argc, argv, &options, &err);
    if (r == 1) {
        options_print_help();
        return 0;
    }
    struct loop *loop = r == 0 ? loop_new() : NULL;
    if (r == 0 && !loop)
        r = err_set(&err, -ENOMEM, "out of memory");
    if (r == 0 && (loop_on_signal(loop, SIGTERM, on_signal, loop) < 0 ||
                   loop_on_signal(loop, SIGINT, on_signal, loop) < 0))
        r = err_set(&err, -ENOMEM, "cannot catch signals");
    if (r == 0)
        r = run(loop, &options, &err);
    loop_free(loop);
    return r < 0 ? fail(&err) : 0;
}

/* ── presets ── */

static int cmd_presets(int argc, char **argv)
{
    static struct preset preset;
    struct err err = {""};
    (void)argc;
    (void)argv;
    for (size_t i = 0; preset_name_at(i); i++) {
        if (preset_load(preset_name_at(i), &preset, &err) < 0)
            return fail(&err);
        printf("%-18s %s\n", preset.name, preset.title);
    }
    return 0;
}

static int cmd_preset(int argc, char **argv)
{
    static struct preset preset;
    struct err err = {""};
    struct buf text;
    buf_init(&text, PRESET_FILE_BYTES_MAX);
    if (argc != 1)
        err_set(&err, -EINVAL, "'simllm preset' needs one NAME or FILE");
    else if (preset_load(argv[0], &preset, &err) == 0)
        preset_write(&preset, &text);
    printf("%s", buf_cstr(&text));
    buf_release(&text);
    return err.text[0] ? fail(&err) : 0;
}

/* ── calibrate ── */

static int cmd_calibrate(int argc, char **argv)
{
    struct err err = {""};
    struct calibrate_options options;
    int r = calibrate_options_read(argc, argv, &options, &err);
    if (r == 1) {
        calibrate_print_help();
        return 0;
    }
    if (r == 0)
        r = calibrate_run(&options, &err);
    return r < 0 ? fail(&err) : 0;
}

/* ── which is it ── */

static const struct command {
    const char *name;
    const char *arguments;
    const char *help;
    int (*run)(int argc, char **argv); /* what stands behind the name */
} commands[] = {
    {"serve", "[option]…", "be an engine; --help lists the options", cmd_serve},
    {"presets", "", "list the built-in presets", cmd_presets},
    {"calibrate", "URL", "measure an engine that runs, and write its preset", cmd_calibrate},
    {"preset", "NAME|FILE", "check one, and print it as a file", cmd_preset},
};

static int print_help(void)
{
    printf("simllm " SEAWALL_VERSION
           ": an inference server without a model. It takes as long as a real one would, "
           "and says nothing.\n\n");
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        printf("  simllm %-9s %-10s  %s\n", commands[i].name, commands[i].arguments,
               commands[i].help);
    return 0;
}

int main(int argc, char **argv)
{
    struct err err;
    log_setup("simllm", LOG_INFO);
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return print_help();
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (strcmp(commands[i].name, argv[1]) == 0)
            return commands[i].run(argc - 2, argv + 2);
    }
    err_set(&err, -EINVAL, "'%.64s' is no command; see --help", argv[1]);
    return fail(&err);
}
