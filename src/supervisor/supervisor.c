/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/supervisor.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include "supervisor/gateway_child.h"
#include "supervisor/listeners.h"
#include "supervisor/model_child.h"
#include "supervisor/options.h"
#include "loop/child.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define RESTART_MS_FIRST 10
#define RESTART_MS_MAX 5000
#define FIRST_TRIES_MAX 5  /* of gateways that are killed before one was ready */
#define GOOD_LIFE_MS 10000 /* of a gateway; after it the pauses start small again */
#define RETIRE_MS_MAX 5000 /* for key changes under way when a new binary takes over */
#define STOP_GRACE_MS 5000 /* beyond the drain's own deadline */
#define DESCRIPTORS_WANTED 262144
#define MODEL_URL_UNKNOWN "http://127.0.0.1:1" /* while the configuration is only judged */
#define MODEL_SLOTS 4
#define MODEL_CONTEXT_TOKENS 8192
#define TAKEOVER_LISTENERS "SEAWALL_TAKEOVER_LISTENERS" /* environment, over an exec */
#define TAKEOVER_GATEWAY                                                                           \
    "SEAWALL_TAKEOVER_GATEWAY" /* "pid channel-fd lock-fd model-pid" of the binary before us */
#define MANUAL                                                                                     \
    "usage: seawalld supervisor [--data DIR] [--config FILE] [--port N] [--upstream URL]\n"        \
    "                           [--embedded-model FILE --embedded-python PATH --embedded-program " \
    "PATH]\n"                                                                                      \
    "                           [--check] [--help] [--version]\n"

struct supervisor {
    struct loop *loop;
    const char *binary; /* path by which we were started, absolute */
    char **argv;
    struct options options;
    struct mac_key key_mac;
    int lock_fd;
    uint32_t uid, gid;
    struct buf bundle;      /* in force; secrets */
    struct buf bundle_next; /* of the reload that the gateway has not answered yet; empty: none */
    bool reload_again;      /* asked for in the meantime, or while no gateway was there */
    bool reload_asked;      /* by the gateway: it is told when its own begins */
    uint32_t drain_ms, drain_ms_next;
    struct listeners listeners;
    struct model_child *model;
    struct gateway_child *gateway; /* NULL between two lives */
    bool gateway_was_ready;
    uint32_t restarts;
    uint64_t restart_ms;
    struct deadline restart;
    pid_t old_gateway;       /* of the binary before us. 0: none */
    pid_t old_model;         /* that was told to end. 0: none */
    int old_gateway_channel; /* it drains when this closes: when ours serves */
    struct tick *old_tick;
    struct child *trial; /* the new binary's --check */
    bool becoming;       /* the new binary, as soon as no reload is under way */
    bool retiring;       /* our gateway was told that another one comes */
    struct deadline retire_deadline;
    bool stopping;
    bool failed; /* stops because it cannot serve */
    struct deadline stop_deadline;
    int exit_status;
};

static struct supervisor self;

static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR2};

/* From the first line of this process, or over an exec, to the moment when they are heard: none of them ends it, and none is lost. */
static void hold_signals(bool held)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        sigaddset(&set, signals[i]);
    sigprocmask(held ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static void end(int exit_status)
{
    self.exit_status = exit_status;
    loop_stop(self.loop);
}

/* ---- configuration ------------------------------------------------------------------------------------ */

static int read_bundle(struct buf *ret_bundle, struct config **ret_config, struct err *err)
{
    char model_name[128] = "";
    const char *model_url = self.model                    ? model_child_url(self.model)
                            : self.options.embedded_model ? MODEL_URL_UNKNOWN
                                                          : NULL;
    if (model_url)
        options_model_name(self.options.embedded_model, model_name, sizeof(model_name));
    struct config_facts facts = {.port = self.options.port,
                                 .upstream_url = self.options.upstream,
                                 .embedded_url = model_url,
                                 .embedded_api_key =
                                     self.model ? model_child_key(self.model) : NULL,
                                 .embedded_model = model_url ? model_name : NULL};
    buf_clear(ret_bundle);
    int result = config_bundle_read(self.options.config, &facts, ret_bundle, err);
    if (result < 0)
        return result;
    *ret_config = config_parse(buf_span(ret_bundle), err);
    return *ret_config ? 0 : -EINVAL;
}

static void wipe(struct buf *buf)
{
    config_bundle_release(buf);
    buf_init(buf, CONFIG_BUNDLE_BYTES_MAX);
}

/* That this process may run on: a container or taskset may leave it fewer than the machine has. */
static uint32_t processors(void)
{
    cpu_set_t ours;
    if (sched_getaffinity(0, sizeof(ours), &ours) == 0)
        return (uint32_t)CPU_COUNT(&ours);
    return (uint32_t)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1L); /* more of them than a cpu_set_t holds */
}

static uint32_t workers_of(const struct config *config)
{
    uint32_t workers = config->workers ? config->workers : processors();
    return MIN(workers, (uint32_t)HANDOVER_WORKERS_MAX);
}

/* ---- the gateway ---------------------------------------------------------------------------------------- */

static void start_gateway(void);
static void retire_gateway(void);
static void on_retired(void);

static void refuse_reload(const char *why)
{
    log_line(LOG_ERROR, "reload refused, the old configuration stays: %s", why);
    if (self.gateway && gateway_child_send(self.gateway, HANDOVER_RELOAD_FAILED, span_str(why)) < 0)
        log_line(LOG_WARN, "the gateway cannot be told");
}

/* Reads what the gateway is to judge. */
static int read_next_bundle(struct err *err)
{
    struct config *config = NULL;
    int result = read_bundle(&self.bundle_next, &config, err);
    if (result < 0)
        return result;
    self.drain_ms_next = config->drain_ms;
    if (!self.model && config_uses_model(config))
        result = err_set(err, -EINVAL,
                         "the embedded model does not run: it takes a restart of the service");
    config_unref(config);
    return result;
}

/* One at a time: what the gateway answers belongs to what it was sent. A new binary reads the file anyway. */
static void reload(void)
{
    struct err err = {""};
    self.reload_again = !self.gateway || self.retiring || self.bundle_next.len > 0;
    if (self.reload_again || self.stopping)
        return;
    if (self.reload_asked && gateway_child_send(self.gateway, HANDOVER_RELOAD_BEGINS, SPAN("")) < 0)
        log_line(LOG_WARN, "the gateway cannot be told");
    self.reload_asked = false;
    if (read_next_bundle(&err) < 0) {
        refuse_reload(err.text);
        wipe(&self.bundle_next);
    } else if (gateway_child_send(self.gateway, HANDOVER_RELOAD, buf_span(&self.bundle_next)) < 0) {
        /* As a rule it has just ended, and its exit is not heard of yet. */
        log_line(LOG_WARN, "the gateway cannot be told of the new configuration; the next one is");
        wipe(&self.bundle_next);
        self.reload_again = true;
    }
}

/* The gateway has answered: a configuration that it accepted is the one that the next gateway gets. */
static void reload_answered(bool accepted)
{
    if (accepted && self.bundle_next.len > 0) {
        wipe(&self.bundle);
        self.bundle = self.bundle_next;
        buf_init(&self.bundle_next, CONFIG_BUNDLE_BYTES_MAX);
        self.drain_ms = self.drain_ms_next;
    } else {
        wipe(&self.bundle_next);
    }
    if (self.becoming && !self.stopping)
        retire_gateway();
    else if (self.reload_again)
        reload();
}

static void release_old_gateway(void)
{
    if (self.old_gateway_channel > 0)
        close(self.old_gateway_channel);
    self.old_gateway_channel = 0;
}

static void on_gateway_message(void *owner, struct gateway_child *child, enum handover_type type,
                               struct span payload)
{
    (void)owner;
    (void)payload;
    if (child != self.gateway)
        return;
    switch (type) {
    case HANDOVER_READY:
        self.gateway_was_ready = true;
        log_line(LOG_INFO, "ready: gateway %d serves", gateway_child_pid(child));
        release_old_gateway();
        if (self.reload_again)
            reload();
        break;
    case HANDOVER_RELOADED:
    case HANDOVER_RELOAD_FAILED:
        reload_answered(type == HANDOVER_RELOADED);
        break;
    case HANDOVER_ASK_RELOAD:
        self.reload_asked = true;
        reload();
        break;
    case HANDOVER_EMBEDDED_DEAD:
        if (self.model)
            model_child_kill(self.model);
        break;
    case HANDOVER_RETIRED:
        on_retired();
        break;
    case HANDOVER_START:
    case HANDOVER_RELOAD:
    case HANDOVER_RELOAD_BEGINS:
    case HANDOVER_DRAIN:
    case HANDOVER_RETIRE:
        break; /* only we say these */
    }
}

static void on_gateway_exit(void *owner, struct gateway_child *child, int64_t status, int signum)
{
    (void)owner;
    uint64_t age_ms = gateway_child_age_ms(child);
    gateway_child_free(child);
    self.gateway = NULL;
    if ((self.becoming || self.retiring) && !self.stopping)
        log_line(LOG_ERROR, "no takeover: the gateway ended");
    self.becoming = self.retiring = false;
    deadline_clear(&self.retire_deadline);
    if (self.stopping) {
        end(status == 0 && signum == 0 && !self.failed ? EXIT_SUCCESS : EXIT_FAILURE);
        return;
    }
    if (self.bundle_next.len > 0) { /* the next one is asked again */
        wipe(&self.bundle_next);
        self.reload_again = true;
    }
    self.reload_asked = false; /* who asked is gone with it */
    /* The first one that ends by itself has said why it cannot serve. One that was killed may have served already, unheard. While the
     * gateway of the binary before serves, there is time to try again. */
    if (!self.gateway_was_ready && self.old_gateway == 0 &&
        (signum == 0 || self.restarts >= FIRST_TRIES_MAX)) {
        log_line(LOG_ERROR, "the gateway could not start; giving up");
        end(EXIT_FAILURE);
        return;
    }
    if (age_ms >= GOOD_LIFE_MS)
        self.restart_ms = RESTART_MS_FIRST;
    self.restarts++;
    log_line(LOG_ERROR, "the gateway ended (%s %d) after %llu s; starting it again",
             signum ? "signal" : "status", signum ? signum : (int)status,
             (unsigned long long)age_ms / 1000);
    if (self.restart_ms <= RESTART_MS_FIRST)
        start_gateway(); /* the usual case: at once */
    else
        deadline_set(self.loop, &self.restart, loop_now_ms(self.loop) + self.restart_ms);
    self.restart_ms = MIN(self.restart_ms * 4, (uint64_t)RESTART_MS_MAX);
}

static const struct gateway_child_events gateway_events = {on_gateway_message, on_gateway_exit};

/* While no gateway of this binary has served, there is none that could judge: what was asked for is what the next one starts with. */
static void reload_unjudged(void)
{
    struct err err = {""};
    if (self.gateway_was_ready || !self.reload_again)
        return;
    self.reload_again = false;
    int result = read_next_bundle(&err);
    if (result < 0)
        refuse_reload(err.text);
    reload_answered(result == 0);
}

static void start_gateway(void)
{
    struct err err = {""};
    reload_unjudged();
    struct handover_start start = {.data_folder = span_str(self.options.data_folder),
                                   .state_folder = span_str(self.options.state_folder),
                                   .workers = self.listeners.workers,
                                   .addresses = self.listeners.addresses,
                                   .metrics = self.listeners.fds[1] >= 0,
                                   .uid = self.uid,
                                   .gid = self.gid,
                                   .key_mac = self.key_mac,
                                   .restarts = self.restarts,
                                   .bundle = buf_span(&self.bundle)};
    self.gateway = gateway_child_new(self.loop, &start, self.listeners.fds, self.listeners.count,
                                     &gateway_events, NULL, &err);
    if (self.gateway)
        return;
    log_line(LOG_ERROR, "cannot start the gateway: %s", err.text);
    deadline_set(self.loop, &self.restart, loop_now_ms(self.loop) + RESTART_MS_MAX);
}

static void on_restart(struct deadline *deadline)
{
    (void)deadline;
    if (!self.gateway && !self.stopping)
        start_gateway();
}

/* ---- a new binary takes over ------------------------------------------------------------------------------ */

/* Becomes the new binary, in this process. Returns only if that failed. */
static void become_new_binary(void)
{
    char listeners[LISTENERS_FDS_MAX * 8];
    char gateway[64];

    int channel = self.gateway ? gateway_child_keep_over_exec(self.gateway) : -EPIPE;
    if (channel < 0) {
        log_line(LOG_ERROR, "no takeover while the gateway restarts");
        return;
    }
    snprintf(gateway, sizeof(gateway), "%d %d %d %d", gateway_child_pid(self.gateway), channel,
             self.lock_fd, self.model ? model_child_pid(self.model) : 0);
    if (fcntl(self.lock_fd, F_SETFD, 0) < 0 ||
        listeners_export(&self.listeners, listeners, sizeof(listeners)) < 0 ||
        setenv(TAKEOVER_LISTENERS, listeners, 1) < 0 || setenv(TAKEOVER_GATEWAY, gateway, 1) < 0) {
        log_line(LOG_ERROR, "cannot hand over to the new binary");
        return;
    }
    log_line(LOG_INFO, "the binary '%s' takes over", self.binary);
    model_child_free(TAKE(self.model)); /* the new one starts its own: it may be another model */
    hold_signals(true);
    self.argv[0] = (char *)"supervisor";
    char *argv[64] = {(char *)"seawalld"};
    size_t count = 1;
    for (size_t i = 0; self.argv[i] && count < COUNT_OF(argv) - 1; i++)
        argv[count++] = self.argv[i];
    execv(self.binary, argv);
    log_line(LOG_ERROR, "cannot run '%s': %s", self.binary, strerror(errno));
    end(EXIT_FAILURE);
}

static void on_retired(void)
{
    deadline_clear(&self.retire_deadline);
    if (self.retiring && !self.stopping)
        become_new_binary();
    self.retiring = false;
}

/* A database that is locked for long does not hold up a takeover. */
static void on_retire_deadline(struct deadline *deadline)
{
    (void)deadline;
    log_line(LOG_WARN, "the gateway still changes keys: the new one may not know the last of them");
    on_retired();
}

/* Between the start of a gateway, which reads the keys, and the end of the one before no key changes. Waits for a reload under way: what is
 * half sent to the gateway would be lost. */
static void retire_gateway(void)
{
    self.becoming = self.bundle_next.len > 0;
    if (self.becoming)
        return;
    if (!self.gateway || gateway_child_send(self.gateway, HANDOVER_RETIRE, SPAN("")) < 0) {
        log_line(LOG_ERROR, "no takeover while the gateway restarts");
        return;
    }
    self.retiring = true;
    deadline_set(self.loop, &self.retire_deadline, loop_now_ms(self.loop) + RETIRE_MS_MAX);
}

static void on_trial_exit(void *owner, int64_t status, int signum)
{
    (void)owner;
    child_free(TAKE(self.trial));
    if (self.stopping)
        return;
    if (status == 0 && signum == 0)
        retire_gateway();
    else
        log_line(LOG_ERROR,
                 "the new binary refuses this configuration (%s %d); the old one goes on",
                 signum ? "signal" : "status", signum ? signum : (int)status);
}

/* First a trial: the new binary reads options and configuration, and says whether it could start. */
static void upgrade(void)
{
    struct err err = {""};
    const char *argv[64] = {"seawalld", "supervisor", "--check"};
    size_t count = 3;
    int fds[] = {-1, STDOUT_FILENO, STDERR_FILENO};

    if (self.trial || self.becoming || self.retiring || self.stopping || self.old_gateway > 0) {
        log_line(LOG_WARN, "a takeover is under way already");
        return;
    }
    for (size_t i = 1; self.argv[i] && count < COUNT_OF(argv) - 1; i++)
        argv[count++] = self.argv[i];
    self.trial = child_start(self.loop,
                             &(struct child_spec){.path = self.binary,
                                                  .argv = argv,
                                                  .env = (const char *const *)environ,
                                                  .fds = fds,
                                                  .fds_count = COUNT_OF(fds)},
                             on_trial_exit, NULL, &err);
    if (!self.trial)
        log_line(LOG_ERROR, "cannot try the new binary: %s", err.text);
}

/* True once, when it has ended. */
static bool has_ended(pid_t *process)
{
    int status;
    if (*process == 0 || waitpid(*process, &status, WNOHANG) == 0)
        return false;
    *process = 0;
    return true;
}

/* The children of the binary before us are ours by process id only. */
static void on_old_tick(void *arg)
{
    (void)arg;
    (void)has_ended(&self.old_model);
    if (has_ended(&self.old_gateway))
        log_line(LOG_INFO, "the gateway of the binary before has ended");
    if (self.old_gateway == 0 && self.old_model == 0)
        tick_free(TAKE(self.old_tick));
}

/* Takes what the binary before us left. 1 when there was one. */
static int take_over(struct err *err)
{
    struct span rest = span_str(getenv(TAKEOVER_GATEWAY));
    struct span part;
    uint64_t pid = 0;
    uint64_t channel = 0;
    uint64_t lock_fd = 0;
    uint64_t model = 0;
    int result = listeners_import(getenv(TAKEOVER_LISTENERS), &self.listeners);
    if (result <= 0)
        return result < 0
                   ? err_set(err, result, "the listeners of the binary before cannot be taken over")
                   : 0;
    if (!span_split(&rest, ' ', &part) || text_to_u64(part, &pid) < 0 ||
        !span_split(&rest, ' ', &part) || text_to_u64(part, &channel) < 0 ||
        !span_split(&rest, ' ', &part) || text_to_u64(part, &lock_fd) < 0 ||
        text_to_u64(rest, &model) < 0 || channel > INT32_MAX || lock_fd > INT32_MAX ||
        fcntl((int)channel, F_SETFD, FD_CLOEXEC) < 0 ||
        fcntl((int)lock_fd, F_SETFD, FD_CLOEXEC) < 0)
        return err_set(err, -EINVAL, "what the binary before left cannot be read");
    unsetenv(TAKEOVER_LISTENERS);
    unsetenv(TAKEOVER_GATEWAY);
    self.lock_fd = (int)lock_fd;
    self.old_gateway = (pid_t)pid;
    self.old_model = (pid_t)model;
    self.old_gateway_channel = (int)channel;
    return 1;
}

/* ---- signals ------------------------------------------------------------------------------------------------ */

static void on_stop_deadline(struct deadline *deadline)
{
    (void)deadline;
    log_line(LOG_WARN, "the gateway did not end in time");
    if (self.gateway)
        gateway_child_signal(self.gateway, SIGKILL);
    end(EXIT_FAILURE);
}

static void stop(void)
{
    if (self.stopping || !self.gateway) {
        if (self.gateway)
            gateway_child_signal(self.gateway, SIGKILL);
        end(self.failed ? EXIT_FAILURE : EXIT_SUCCESS);
        return;
    }
    self.stopping = true;
    log_line(LOG_INFO, "stopping");
    release_old_gateway();
    if (gateway_child_send(self.gateway, HANDOVER_DRAIN, SPAN("")) < 0)
        gateway_child_signal(self.gateway, SIGTERM);
    listeners_shut(&self.listeners);
    deadline_set(self.loop, &self.stop_deadline,
                 loop_now_ms(self.loop) + self.drain_ms + STOP_GRACE_MS);
}

static void on_signal(int signum, void *arg)
{
    (void)arg;
    if (signum == SIGHUP)
        reload();
    else if (signum == SIGUSR2)
        upgrade();
    else
        stop();
}

/* ---- start --------------------------------------------------------------------------------------------------- */

static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    struct rlimit more = {MAX(limit.rlim_max, (rlim_t)DESCRIPTORS_WANTED),
                          MAX(limit.rlim_max, (rlim_t)DESCRIPTORS_WANTED)};
    if (setrlimit(RLIMIT_NOFILE, &more) == 0)
        return;
    limit.rlim_cur = limit.rlim_max; /* no privilege for more: what is allowed, all of it */
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_line(LOG_WARN, "cannot raise the limit of open files");
}

/* What a shell or a service manager left open is not for us, and still less for our children: a pipe that somebody reads to its end would
 * stay open as long as the service. The binary before us left only what we take over. */
static void close_inherited(void)
{
    if (!getenv(TAKEOVER_GATEWAY))
        (void)close_range(STDERR_FILENO + 1, ~0U, 0); /* fails before Linux 5.9 */
}

static void on_model_refused(const char *reason)
{
    log_line(LOG_ERROR, "the embedded model cannot start: %s", reason);
    if (self.stopping)
        return;
    self.failed = true;
    stop();
}

static int start_model(bool first_start, struct err *err)
{
    char log_path[PATH_MAX + 16];
    if (!self.options.embedded_model)
        return 0;
    snprintf(log_path, sizeof(log_path), "%s/model.log", self.options.data_folder);
    char name[128];
    options_model_name(self.options.embedded_model, name, sizeof(name));
    self.model = model_child_new(self.loop,
                                 &(struct model_spec){.python = self.options.embedded_python,
                                                      .program = self.options.embedded_program,
                                                      .model = self.options.embedded_model,
                                                      .name = name,
                                                      .log_path = log_path,
                                                      .uid = self.uid,
                                                      .gid = self.gid,
                                                      .threads = processors(),
                                                      .slots = MODEL_SLOTS,
                                                      .context_tokens = MODEL_CONTEXT_TOKENS,
                                                      .first_start = first_start,
                                                      .on_refused = on_model_refused},
                                 err);
    return self.model ? 0 : -EIO;
}

/* Everything that can be wrong with options, folders and configuration is found here, before anything is started. */
static int prepare(struct err *err)
{
    struct config *config = NULL;
    int result = read_bundle(&self.bundle, &config, err);
    if (result < 0)
        return result;
    result = options_user(config->user, &self.uid, &self.gid, err);
    config_unref(config);
    if (result == 0)
        result = options_make_folders(&self.options, self.uid, self.gid, err);
    if (result == 0)
        result = options_key_mac(&self.options, &self.key_mac, err);
    return result;
}

static int start(struct err *err)
{
    char admin_path[PATH_MAX + 16];
    struct config *config = NULL;

    int taken = take_over(err);
    if (taken < 0)
        return taken;
    int result = taken ? 0 : options_lock(&self.options, &self.lock_fd, err);
    if (result == 0)
        result = start_model(!taken, err);
    if (result == 0)
        result = read_bundle(&self.bundle, &config, err);
    if (result < 0)
        return result;
    if (self.model && !config_uses_model(config)) {
        log_line(LOG_INFO, "the configuration has no use for the embedded model");
        model_child_free(TAKE(self.model));
    }
    self.drain_ms = config->drain_ms;
    snprintf(admin_path, sizeof(admin_path), "%s/admin.sock", self.options.data_folder);
    if (!taken)
        result = listeners_open(config, workers_of(config), admin_path, &self.listeners, err);
    config_unref(config);
    if (result < 0)
        return result;
    if (result > 0)
        log_line(LOG_WARN, "no metrics page: %s; service.metrics chooses another address",
                 err->text);
    if (self.old_gateway > 0) {
        self.old_tick = tick_new(self.loop, 200, on_old_tick, NULL);
        if (!self.old_tick)
            return err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        if (loop_on_signal(self.loop, signals[i], on_signal, NULL) < 0)
            return err_set(err, -ENOMEM, "cannot watch for signals");
    hold_signals(false);
    start_gateway();
    return 0;
}

int supervisor_main(const char *binary, int argc, char **argv)
{
    struct err err = {""};

    close_inherited();
    hold_signals(true);
    log_setup("supervisor", LOG_INFO);
    self.binary = binary;
    self.argv = argv;
    self.restart_ms = RESTART_MS_FIRST;
    deadline_init(&self.restart, on_restart);
    deadline_init(&self.stop_deadline, on_stop_deadline);
    deadline_init(&self.retire_deadline, on_retire_deadline);
    buf_init(&self.bundle, CONFIG_BUNDLE_BYTES_MAX);
    buf_init(&self.bundle_next, CONFIG_BUNDLE_BYTES_MAX);

    if (options_read(argc, argv, &self.options, &err) < 0) {
        fprintf(stderr, "seawalld: %s\n", err.text);
        return 2;
    }
    if (self.options.help || self.options.version) {
        fputs(self.options.help ? MANUAL : "seawalld " SEAWALL_VERSION "\n", stdout);
        return EXIT_SUCCESS;
    }
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    self.loop = loop_new();
    int result = self.loop ? prepare(&err) : err_set(&err, -ENOMEM, "out of memory");
    if (result == 0 && self.options.check_only)
        return EXIT_SUCCESS;
    if (result == 0)
        result = start(&err);
    if (result < 0) {
        fprintf(stderr, "seawalld: %s\n", err.text);
        model_child_free(self.model);
        return EXIT_FAILURE;
    }
    self.exit_status = EXIT_FAILURE;
    loop_run(self.loop);
    gateway_child_free(self.gateway);
    model_child_free(self.model);
    listeners_close(&self.listeners);
    wipe(&self.bundle);
    explicit_bzero(&self.key_mac, sizeof(self.key_mac));
    return self.exit_status;
}
