/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/options.h"

#include "base/random.h"
#include "base/text.h"

#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int default_folder(char ret_path[PATH_MAX], struct err *err)
{
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    int len;
    if (geteuid() == 0)
        len = snprintf(ret_path, PATH_MAX, "/var/lib/seawall");
    else if (data && data[0] == '/')
        len = snprintf(ret_path, PATH_MAX, "%s/seawall", data);
    else if (home && home[0] == '/')
        len = snprintf(ret_path, PATH_MAX, "%s/.local/share/seawall", home);
    else
        return err_set(err, -EINVAL, "no data folder: give --data DIR");
    return len < PATH_MAX ? 0 : err_set(err, -ENAMETOOLONG, "the data folder's path is too long");
}

static int make_folder(const char *path, mode_t mode, struct err *err)
{
    char parent[PATH_MAX];
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return 0;
    const char *slash = strrchr(path, '/');
    if (errno != ENOENT || !slash || slash == path)
        return err_errno(err, -errno, "cannot make the folder '%s'", path);
    snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
    int result = make_folder(parent, 0755, err);
    if (result < 0)
        return result;
    return mkdir(path, mode) == 0 || errno == EEXIST
               ? 0
               : err_errno(err, -errno, "cannot make the folder '%s'", path);
}

static int set_folder(struct options *options, const char *given, struct err *err)
{
    char path[PATH_MAX];
    int result = 0;
    if (given)
        result = snprintf(path, sizeof(path), "%s", given) < PATH_MAX ? 0 : -ENAMETOOLONG;
    else
        result = default_folder(path, err);
    if (result == 0)
        result = make_folder(path, 0755, err);
    if (result < 0)
        return result;
    if (!realpath(path, options->data_folder))
        return err_errno(err, -errno, "cannot use the data folder '%s'", path);
    if (snprintf(options->state_folder, PATH_MAX, "%s/state", options->data_folder) >= PATH_MAX)
        return err_set(err, -ENAMETOOLONG, "the data folder's path is too long");
    return 0;
}

static int check_sense(const struct options *options, struct err *err)
{
    uint64_t port;
    if (options->port &&
        (text_to_u64(span_str(options->port), &port) < 0 || port == 0 || port > 65535))
        return err_set(err, -EINVAL, "--port expects a number between 1 and 65535, got '%s'",
                       options->port);
    if (options->embedded_model && (!options->embedded_python || !options->embedded_program))
        return err_set(err, -EINVAL,
                       "--embedded-model needs --embedded-python and --embedded-program");
    if (options->embedded_model && access(options->embedded_model, R_OK) < 0)
        return err_errno(err, -errno, "cannot read the model '%s'", options->embedded_model);
    if (options->embedded_model && options->upstream)
        return err_set(err, -EINVAL, "--upstream and --embedded-model exclude each other");
    return 0;
}

int options_read(int argc, char **argv, struct options *ret_options, struct err *err)
{
    enum {
        OPT_DATA = 1,
        OPT_CONFIG,
        OPT_PORT,
        OPT_UPSTREAM,
        OPT_MODEL,
        OPT_PYTHON,
        OPT_PROGRAM,
        OPT_CHECK,
        OPT_HELP,
        OPT_VERSION
    };
    static const struct option known[] = {
        {"data", required_argument, NULL, OPT_DATA},
        {"config", required_argument, NULL, OPT_CONFIG},
        {"port", required_argument, NULL, OPT_PORT},
        {"upstream", required_argument, NULL, OPT_UPSTREAM},
        {"embedded-model", required_argument, NULL, OPT_MODEL},
        {"embedded-python", required_argument, NULL, OPT_PYTHON},
        {"embedded-program", required_argument, NULL, OPT_PROGRAM},
        {"check", no_argument, NULL, OPT_CHECK},
        {"help", no_argument, NULL, OPT_HELP},
        {"version", no_argument, NULL, OPT_VERSION},
        {NULL, 0, NULL, 0}};
    struct options options = {.config = NULL};
    const char *data = NULL;
    int option;

    opterr = 0;
    optind = 1;
    const char **const values[] = {
        [OPT_DATA] = &data,
        [OPT_CONFIG] = &options.config,
        [OPT_PORT] = &options.port,
        [OPT_UPSTREAM] = &options.upstream,
        [OPT_MODEL] = &options.embedded_model,
        [OPT_PYTHON] = &options.embedded_python,
        [OPT_PROGRAM] = &options.embedded_program,
    };
    while ((option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        if (option == ':')
            return err_set(err, -EINVAL, "'%s' expects a value", argv[optind - 1]);
        if (option == '?')
            return err_set(err, -EINVAL, "unknown option '%s'", argv[optind - 1]);
        if (option <= OPT_PROGRAM)
            *values[option] = optarg;
        options.check_only |= option == OPT_CHECK;
        options.help |= option == OPT_HELP;
        options.version |= option == OPT_VERSION;
    }
    if (optind < argc)
        return err_set(err, -EINVAL, "unexpected argument '%s'", argv[optind]);
    if (!options.help && !options.version) {
        int result = check_sense(&options, err);
        if (result == 0)
            result = set_folder(&options, data, err);
        if (result < 0)
            return result;
    }
    *ret_options = options;
    return 0;
}

int options_make_folders(const struct options *options, uint32_t uid, uint32_t gid, struct err *err)
{
    int result = make_folder(options->state_folder, 0700, err);
    if (result < 0)
        return result;
    if (uid != 0 && chown(options->state_folder, uid, gid) < 0)
        return err_errno(err, -errno, "cannot give '%s' to its user", options->state_folder);
    return 0;
}

int options_lock(const struct options *options, int *ret_fd, struct err *err)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof(path), "%s/seawall.lock", options->data_folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, -errno, "cannot open '%s'", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int error = -errno;
        close(fd);
        return error == -EWOULDBLOCK
                   ? err_set(err, error, "a service with the data folder '%s' is running already",
                             options->data_folder)
                   : err_errno(err, error, "cannot lock '%s'", path);
    }
    *ret_fd = fd;
    return 0;
}

static int make_key(const char *path, struct mac_key *ret_key, struct err *err)
{
    char text[2 * MAC_KEY_BYTES + 2];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, -errno, "cannot make '%s'", path);
    random_bytes(ret_key->bytes, MAC_KEY_BYTES);
    text_hex(ret_key->bytes, MAC_KEY_BYTES, text);
    text[2 * MAC_KEY_BYTES] = '\n';
    bool good = write(fd, text, 2 * MAC_KEY_BYTES + 1) == 2 * MAC_KEY_BYTES + 1 && fsync(fd) == 0;
    int error = -errno;
    explicit_bzero(text, sizeof(text));
    close(fd);
    if (good)
        return 0;
    unlink(path); /* half a key would stop the next start */
    return err_errno(err, error, "cannot write '%s'", path);
}

int options_key_mac(const struct options *options, struct mac_key *ret_key, struct err *err)
{
    char path[PATH_MAX + 16];
    char text[2 * MAC_KEY_BYTES + 2];
    snprintf(path, sizeof(path), "%s/key.mac", options->data_folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return make_key(path, ret_key, err);
    if (fd < 0)
        return err_errno(err, -errno, "cannot open '%s'", path);
    ssize_t len = read(fd, text, sizeof(text));
    close(fd);
    int result = len >= 2 * MAC_KEY_BYTES
                     ? text_unhex(span_of(text, 2 * MAC_KEY_BYTES), ret_key->bytes, MAC_KEY_BYTES)
                     : -EINVAL;
    explicit_bzero(text, sizeof(text));
    return result < 0 ? err_set(err, -EINVAL, "'%s' is damaged: expected %d hexadecimal digits",
                                path, 2 * MAC_KEY_BYTES)
                      : 0;
}

int options_user(struct span name, uint32_t *ret_uid, uint32_t *ret_gid, struct err *err)
{
    char text[64];
    *ret_uid = 0;
    *ret_gid = 0;
    if (geteuid() != 0)
        return 0;
    snprintf(text, sizeof(text), "%.*s", (int)name.len, name.len > 0 ? name.ptr : "");
    const struct passwd *user = getpwnam(name.len > 0 ? text : "seawall");
    if (!user && name.len == 0)
        user = getpwnam("nobody");
    if (!user)
        return err_set(err, -ENOENT, "there is no user '%s'", name.len > 0 ? text : "nobody");
    if (user->pw_uid == 0)
        return err_set(err, -EINVAL, "the gateway must not run as root: set service.user");
    *ret_uid = user->pw_uid;
    *ret_gid = user->pw_gid;
    return 0;
}

void options_model_name(const char *path, char *ret_name, size_t size)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t len = strlen(name);
    if (len > 5 && strcmp(name + len - 5, ".gguf") == 0)
        len -= 5;
    /* ".Q4_1", ".IQ2_M", ".F16": how it was quantised is no part of its name. */
    for (size_t i = len; i > 1; i--) {
        if (name[i - 1] != '.')
            continue;
        if (name[i] == 'Q' || name[i] == 'I' || name[i] == 'F' || name[i] == 'q' || name[i] == 'f')
            len = i - 1;
        break;
    }
    snprintf(ret_name, size, "%.*s", (int)len, name);
}
