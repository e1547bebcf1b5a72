# SPDX-License-Identifier: Apache-2.0
"""What goes wrong while clients call: engines, configuration, keys, the database, the gateway itself."""
import asyncio
import json
import os
import secrets
import signal
import sqlite3

from service import pid_lives, wait_for

from .client import Call
from .load import Client
from .scene import Key

VARIANTS = 4
ENGINE_FAULTS = ("error", "slow_start", "stall", "garbage", "half", "usage_low", "usage_high", "usage_none", "restart")


class Trouble:
    """Makes trouble until the round ends, then mends all of it."""

    def __init__(self, scene, verdict, log):
        self.scene, self.verdict, self.log = scene, verdict, log
        self.rng = scene.rng.__class__(f"{scene.seed} trouble")
        self.down = set()

    async def make(self):
        with self.scene.happening("faults"):
            while not self.scene.stopping:
                names, weights = zip(*FAULTS)
                await self.rng.choices(names, weights)[0](self)
                await asyncio.sleep(self.rng.uniform(0, 0.5))
            await self.mend()

    async def mend(self):
        for engine in list(self.down):
            await self.revive(engine)
        for engine in self.scene.engines:
            await asyncio.to_thread(engine.fault, fault="none")
        await self.use(0)
        await self.key_gives(self.scene.keys[0], {200}, "the last")  # its line takes the log to the file that the reload opened

    # ── engines ──

    async def revive(self, engine):
        await asyncio.to_thread(engine.start)
        self.down.discard(engine)

    async def kill_engine(self):
        engine = self.rng.choice(self.scene.engines)
        self.down.add(engine)
        await asyncio.to_thread(engine.kill)
        await asyncio.sleep(self.rng.uniform(0, 1.5))
        await self.revive(engine)

    async def arm_fault(self):
        engine, fault = self.rng.choice(self.scene.engines), self.rng.choice(ENGINE_FAULTS)
        seconds = self.rng.choice((2, 5, 10, 20, 90))  # of the engine's time; the last is longer than a silence may be
        await asyncio.to_thread(engine.fault, fault=fault, rate=self.rng.choice((0.02, 0.2)), times=self.rng.choice((1, 5, 20)),
                                seconds=min(seconds, 20) if fault == "restart" else seconds)

    # ── configuration and log ──

    async def use(self, variant):
        self.scene.service.write_config(self.scene.config(variant))
        result = await self.scene.tool("reload")
        self.told("reload is taken", result)

    async def reload(self):
        await self.use(self.rng.randrange(VARIANTS))

    async def rotate(self):
        self.log.rotate()
        await self.use(0)

    def told(self, check, result):
        """A command of the tool may fail while the gateway is being replaced or the database is locked; else it may not."""
        now = asyncio.get_running_loop().time()
        excused = self.scene.disturbed(now - 1, now, "kill", "takeover", "lock", margin=2.0 * self.scene.slow)
        self.verdict.check(check, result.returncode == 0 or excused, result.stderr.strip())
        return result.returncode == 0

    # ── keys: what a command has changed holds for every request from then on ──

    async def key_command(self, *words, **more):
        return self.told("key commands work", await self.scene.tool("key", *words, **more))

    async def key_gives(self, key, accepts, what, kind="key: "):
        client = Client(self.scene, "keys")
        call = Call(self.scene.name(), kind + what, key, accepts)
        self.scene.calls.append(call)
        await client.ask(call, "GET", "/v1/models")
        client.hang_up()

    async def new_key(self, *words):
        made = await self.scene.tool("key", *words, "--json")
        return Key(*key_of(made.stdout)) if self.told("key commands work", made) else None

    async def story_of_a_key(self):
        key = await self.new_key("create", "passing")
        if not key:
            return
        await self.key_gives(key, {200}, "made")
        if await self.key_command("disable", key.id):
            await self.key_gives(key, {401}, "disabled")
            if not await self.key_command("enable", key.id):
                return
        await self.key_gives(key, {200}, "enabled")
        if self.rng.random() < 0.5:
            newer = await self.new_key("rotate", key.id)
            if newer:
                await self.key_gives(key, {401}, "replaced")
                await self.key_gives(newer, {200}, "its replacement")

    async def import_keys(self):
        texts = [f"sk-other-{secrets.token_hex(16)}" for _ in range(3)]
        rows = "key,name\n" + "".join(f"{text},brought\n" for text in texts)
        if await self.key_command("import", "-", input=rows):
            for text in texts:
                await self.key_gives(Key(None, text), {200}, "imported")

    async def keys_through(self, replacing):
        """What was answered to the operator while the gateway is being replaced holds behind it."""
        over = asyncio.ensure_future(replacing)
        promised = []
        while not over.done():
            key = await self.new_key("create", "meanwhile")
            if key and self.rng.random() < 0.7:
                promised.append((key, {200}))
            elif key and await self.key_command("disable", key.id):
                promised.append((key, {401}))
            await asyncio.sleep(0.02)
        await over
        for key, accepts in promised:
            await self.key_gives(key, accepts, "promised meanwhile", "promise: ")

    # ── budgets: who has one goes first, and calls of others end for it ──

    async def change_budget(self):
        key = self.rng.choice(self.scene.keys)
        words = self.rng.choice((("grant", key.id, "1000"), ("grant", key.id, "1000"), ("forget", key.id)))
        self.told("profile commands work", await self.scene.tool("profile", *words))

    # ── the database ──

    async def lock_database(self):
        """Somebody else holds it, for less or more time than a call waits for a lock."""
        seconds = self.rng.choice((0.5, 3.0))
        other = sqlite3.connect(self.scene.service.data / "state" / "seawall.db", isolation_level=None, timeout=5)
        try:
            with self.scene.happening("lock"):
                try:
                    other.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    return
                await asyncio.sleep(seconds)
                other.execute("ROLLBACK")
        finally:
            other.close()

    # ── the gateway ──

    async def kill_gateway(self):
        pid = await self.scene.gateway()
        with self.scene.happening("kill"):
            before = self.scene.service.log().count("ready: gateway")
            os.kill(pid, signal.SIGKILL)
            await self.replaced(before)
        self.scene.kills += 1

    async def take_over(self):
        pid = await self.scene.gateway()
        with self.scene.happening("takeover"):
            before = self.scene.service.log().count("ready: gateway")
            self.scene.service.send_signal(signal.SIGUSR2)
            await self.replaced(before)
            await asyncio.to_thread(wait_for, lambda: not pid_lives(pid), 30 * self.scene.slow, "the end of the old gateway")

    async def replaced(self, before):
        await asyncio.to_thread(wait_for, lambda: self.scene.service.log().count("ready: gateway") > before,
                                30 * self.scene.slow, "a new gateway")


FAULTS = ((Trouble.kill_engine, 3), (Trouble.arm_fault, 8), (Trouble.reload, 4), (Trouble.rotate, 0.5),
          (Trouble.story_of_a_key, 1.5), (Trouble.import_keys, 0.5), (Trouble.change_budget, 4), (Trouble.lock_database, 1))


def key_of(text):
    made = json.loads(text or "{}")
    return made.get("id"), made.get("key")
