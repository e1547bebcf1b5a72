/* SPDX-License-Identifier: Apache-2.0 */
/* seawall: the operator's tool. Each command asks the running service through its admin socket. */
#include "command.h"

#include <signal.h>

static enum exit_status cmd_version(const struct invocation *call)
{
    printf(call->json ? "{\"version\": \"%s\"}\n" : "seawall %s\n", SEAWALL_VERSION);
    return EXIT_OK;
}

static enum exit_status cmd_help(const struct invocation *call);

static const struct command commands[] = {
    {"status", "", "how the service is; 0 when every model is up", options_status, cmd_status},
    {"top", "", "requests, tokens and backends, live", options_top, cmd_top},
    {"usage", "", "tokens by key, model and time", options_usage, cmd_usage},
    {"explain", "REQUEST_ID", "what happened to one request, and why", NULL, cmd_explain},
    {"key create", "NAME", "make a key; its text is shown once", options_key_create,
     cmd_key_create},
    {"key list", "", "all keys, without their texts", NULL, cmd_key_list},
    {"key show", "ID", "one key, and what it has used of its limits", NULL, cmd_key_show},
    {"key disable", "ID", "refuse a key from now on", NULL, cmd_key_disable},
    {"key enable", "ID", "let a disabled key in again", NULL, cmd_key_enable},
    {"key rotate", "ID", "put a new key in the place of an old one", options_key_rotate,
     cmd_key_rotate},
    {"key limit", "ID", "change what a key may use; none is no limit, default the configuration's",
     options_key_limit, cmd_key_limit},
    {"key import", "FILE", "take over keys of another service: CSV or JSON lines", NULL,
     cmd_key_import},
    {"link", "KEYFILE", "a link that signs in to the chat once, with the key in a file",
     options_link, cmd_link},
    {"account list", "", "accounts that keys belong to, and their limits", NULL, cmd_account_list},
    {"account show", "NAME", "what the keys of an account have used of its limits", NULL,
     cmd_account_show},
    {"account limit", "NAME", "change what the keys of an account may use together",
     options_account_limit, cmd_account_limit},
    {"profile list", "", "who earned what, largest first", options_profile_list, cmd_profile_list},
    {"profile show", "WHO", "what one key or address earned", NULL, cmd_profile_show},
    {"profile grant", "WHO RATE", "give a budget of RATE weighted tokens/s; 0 takes it back", NULL,
     cmd_profile_grant},
    {"profile forget", "WHO", "forget what was earned and granted", NULL, cmd_profile_forget},
    {"profile import", "FILE", "learn from the usage of another service: CSV or JSON lines",
     options_profile_import, cmd_profile_import},
    {"reload", "", "read the configuration again, whole or not at all", NULL, cmd_reload},
    {"check", "FILE", "judge a configuration without using it", NULL, cmd_check},
    {"storm", "[SCENARIO]", "load and attacks against a service on this machine", options_storm,
     cmd_storm},
    {"version", "", "the tool's version", NULL, cmd_version},
    {"help", "", "this page", NULL, cmd_help},
};

static enum exit_status cmd_help(const struct invocation *call)
{
    (void)call;
    command_print_all(commands, COUNT_OF(commands));
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    struct invocation call;
    struct err err = {""};
    signal(SIGPIPE, SIG_IGN);
    if (command_read(argc, argv, commands, COUNT_OF(commands), &call, &err) < 0) {
        (void)command_fail("%s", err.text);
        return EXIT_USAGE;
    }
    enum exit_status status = EXIT_OK;
    if (call.help && call.command)
        command_print_help(call.command);
    else if (call.help)
        command_print_all(commands, COUNT_OF(commands));
    else if (call.command)
        status = call.command->run(&call);
    else {
        command_print_all(commands, COUNT_OF(commands));
        status = EXIT_USAGE;
    }
    if (fflush(stdout) != 0 && status == EXIT_OK)
        status = command_fail("cannot write: %s", strerror(errno));
    return (int)status;
}
