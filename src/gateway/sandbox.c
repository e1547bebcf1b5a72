/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/sandbox.h"

#include "base/log.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READ_FILES LANDLOCK_ACCESS_FS_READ_FILE
#define READ_TREE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

/*
 * What name service, TLS and time zones read. Everything else of the disk is out of reach.
 *
 * resolv.conf and hosts are renewed by renaming another file over them, which a rule for the file would shut out: glibc then asks 127.0.0.1
 * for every name. Landlock has no rule for a name that stays, so files of the whole folder may be opened, as far as their modes let
 * the gateway's user, but not listed. Secret files of ours among them hold what the gateway was given anyway.
 */
static const struct {
    const char *path;
    uint64_t access;
} readable[] = {
    {"/etc", READ_FILES},
    {"/run/systemd/resolve", READ_FILES}, /* where resolv.conf leads, by who writes it */
    {"/run/NetworkManager", READ_FILES},
    {"/run/resolvconf", READ_FILES},
    {"/etc/ssl", READ_TREE},
    {"/usr/share/ca-certificates", READ_TREE},
    {"/usr/lib/ssl", READ_TREE},
    {"/usr/lib", READ_TREE},
    {"/lib", READ_TREE},
    {"/usr/share/zoneinfo", READ_TREE},
    {"/dev/urandom", READ_FILES},
    {"/dev/null", READ_FILES},
    {"/proc/self", READ_TREE},
    {"/sys/fs/cgroup", READ_TREE},
};

/*
 * What libuv, glibc's resolver and threads, SQLite and OpenSSL ask of the kernel once the process serves. No execve, no fork (clone is for
 * threads only), no ptrace, no mount, no keys, no modules, no bpf. Found with strace over the system tests; a call that is missing gives
 * EPERM, which the tests would show, not a crash.
 */
static const int allowed[] = {
    SCMP_SYS(accept4),
    SCMP_SYS(access),
    SCMP_SYS(bind),
    SCMP_SYS(brk),
    SCMP_SYS(chmod),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(close),
    SCMP_SYS(connect),
    SCMP_SYS(dup),
    SCMP_SYS(dup3),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(fallocate),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchown),
    SCMP_SYS(fcntl),
    SCMP_SYS(fdatasync),
    SCMP_SYS(fstat),
    SCMP_SYS(fstatfs),
    SCMP_SYS(fsync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(futex),
    SCMP_SYS(getcpu),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(getegid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getpeername),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrlimit),
    SCMP_SYS(getrusage),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getuid),
    SCMP_SYS(lseek),
    SCMP_SYS(lstat),
    SCMP_SYS(madvise),
    SCMP_SYS(membarrier),
    SCMP_SYS(mkdir),
    SCMP_SYS(mmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    SCMP_SYS(nanosleep),
    SCMP_SYS(newfstatat),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(pipe2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(pread64),
    SCMP_SYS(prlimit64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(read),
    SCMP_SYS(readlink),
    SCMP_SYS(readv),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(rename),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(socketpair),
    SCMP_SYS(stat),
    SCMP_SYS(statx),
    SCMP_SYS(sysinfo),
    SCMP_SYS(tgkill),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(umask),
    SCMP_SYS(uname),
    SCMP_SYS(unlink),
    SCMP_SYS(utimensat),
    SCMP_SYS(write),
    SCMP_SYS(writev),
};

static int become_user(const struct sandbox_spec *spec, struct err *err)
{
    if (spec->uid == 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(spec->gid, spec->gid, spec->gid) < 0 ||
        setresuid(spec->uid, spec->uid, spec->uid) < 0)
        return err_errno(err, -errno, "cannot become user %u", spec->uid);
    if (setuid(0) == 0)
        return err_set(err, -EPERM, "user %u can become root again", spec->uid);
    if (access(spec->state_folder, W_OK | X_OK) < 0)
        return err_errno(err, -errno,
                         "user %u cannot reach '%s' (is a folder above it closed to others?)",
                         spec->uid, spec->state_folder);
    return 0;
}

static int allow_path(int ruleset, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access};
    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return 0; /* what is not there needs no leave */
    long result = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    int error = result < 0 ? -errno : 0;
    close(rule.parent_fd);
    return error;
}

/* The ABI version in force, 0 when the kernel has no Landlock. */
static int restrict_files(const struct sandbox_spec *spec, struct err *err)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return 0;
    const uint64_t all_access = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    struct landlock_ruleset_attr attributes = {.handled_access_fs = all_access};

    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
    if (ruleset < 0)
        return err_errno(err, -errno, "cannot restrict files");
    const uint64_t state_access = READ_TREE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                  LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE;
    int result = allow_path(ruleset, spec->state_folder, state_access);
    for (size_t i = 0; result == 0 && i < COUNT_OF(readable); i++)
        result = allow_path(ruleset, readable[i].path, readable[i].access);
    if (result == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        result = -errno;
    close(ruleset);
    return result < 0 ? err_errno(err, result, "cannot restrict files") : (int)version;
}

static int allow_calls(scmp_filter_ctx filter)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < COUNT_OF(allowed); i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    /* Threads, no processes. glibc asks clone3 first and takes ENOSYS for an answer. */
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (result == 0)
        result = seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
            SCMP_A0(SCMP_CMP_MASKED_EQ, 0x00010000 /* CLONE_THREAD */, 0x00010000));
    /* Sockets of the internet and of this machine only. */
    static const int families[] = {AF_INET, AF_INET6, AF_UNIX,
                                   AF_NETLINK /* getaddrinfo lists interfaces */};
    for (size_t i = 0; result == 0 && i < COUNT_OF(families); i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
    /* Naming threads, and asking whether memory may be dumped. */
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                                  SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0));
    /* FIONBIO and FIOCLEX of libuv; nothing else needs ioctl. */
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_EQ, 0x5421, 0));
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_EQ, 0x5451, 0));
    return result;
}

/* 1 in force, 0 when this build or kernel has none. */
static int restrict_calls(struct err *err)
{
#ifdef SEAWALL_SANDBOX
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return 0;
    int result = allow_calls(filter);
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    if (result == -ENOSYS || result == -EINVAL)
        return 0;
    return result < 0 ? err_errno(err, result, "cannot restrict system calls") : 1;
#else
    (void)err;
    (void)allow_calls;
    return 0;
#endif
}

int sandbox_enter(const struct sandbox_spec *spec, char ret_layers[64], struct err *err)
{
    int result = become_user(spec, err);
    if (result < 0)
        return result;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_errno(err, -errno, "cannot give up privileges");
    int landlock = restrict_files(spec, err);
    if (landlock < 0)
        return landlock;
    int seccomp = restrict_calls(err);
    if (seccomp < 0)
        return seccomp;
    snprintf(ret_layers, 64, "%sno-new-privileges%s%s", spec->uid ? "user, " : "",
             landlock ? ", landlock" : "", seccomp ? ", seccomp" : "");
    return 0;
}
