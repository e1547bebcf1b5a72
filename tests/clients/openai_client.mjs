// SPDX-License-Identifier: Apache-2.0
// The official `openai` client for Node: each part prints what it saw, as one JSON document.
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import OpenAI from "openai";

const { BASE: baseURL, KEY: apiKey, MODEL: model } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "Say hello in five words." }];
const asked = { model, messages, max_tokens: 12, temperature: 0, seed: 7 };
const long = { model, messages, max_tokens: 1500, ignore_eos: true };

async function errorOf(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    return { name: error.constructor.name, status: error.status, code: error.code, param: error.param, type: error.type,
             requestID: error.requestID, message: error.message };
  }
}

// Until a line comes in; then until the input ends, so that the process outlives what it left.
const lines = createInterface({ input: process.stdin });
const told = () => new Promise((resolve) => lines.once("line", resolve));

function left(error) {
  console.log(JSON.stringify({ left_at: Date.now() / 1000, error: error?.constructor.name ?? null }));
}

const parts = {
  async whole() {
    const answer = await client.chat.completions.create(asked);
    return { content: answer.choices[0].message.content, finish: answer.choices[0].finish_reason, model: answer.model,
             usage: answer.usage, requestID: answer._request_id };
  },
  async stream() {
    let content = "", usage = null, finish = null, events = 0;
    const stream = await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } });
    for await (const event of stream) {
      events++;
      content += event.choices[0]?.delta.content ?? "";
      finish = event.choices[0]?.finish_reason ?? finish;
      usage = event.usage ?? usage;
    }
    return { content, finish, usage, events };
  },
  async tools() {
    const call = JSON.parse(readFileSync(0));
    const whole = await client.chat.completions.create(call);
    const stream = client.chat.completions.stream(call);
    const final = await stream.finalChatCompletion();
    const shape = ({ choices: [{ message, finish_reason }] }) => ({ finish_reason,
      calls: message.tool_calls.map(({ type, function: { name, arguments: text } }) => ({ type, name, text })) });
    return { whole: shape(whole), stream: shape(final) };
  },
  async models() {
    const ids = [];
    for await (const entry of client.models.list()) ids.push(entry.id);
    return { ids, one: (await client.models.retrieve(model)).id, none: await errorOf(client.models.retrieve("gpt-9")) };
  },
  async completion() {
    const prompt = { model, prompt: "The capital of France is", max_tokens: 6, temperature: 0, seed: 7 };
    const whole = await client.completions.create(prompt);
    let text = "";
    for await (const event of await client.completions.create({ ...prompt, stream: true })) text += event.choices[0].text;
    return { whole: whole.choices[0].text, stream: text };
  },
  async errors() {
    const chat = (more, key = apiKey) => errorOf(new OpenAI({ baseURL, apiKey: key, maxRetries: 0 })
      .chat.completions.create({ ...asked, ...more }));
    return { key: await chat({}, "sk-sw-wrong"), model: await chat({ model: "gpt-9" }), field: await chat({ temperature: 3 }),
             streamed: await chat({ max_tokens: -1, stream: true }), unknown: await chat({ id_slot: 1 }),
             embeddings: await errorOf(client.embeddings.create({ model, input: "hello" })) };
  },
  async retry() {
    const patient = new OpenAI({ baseURL, apiKey, maxRetries: 2 });
    return { content: (await patient.chat.completions.create(asked)).choices[0].message.content };
  },
  async broken() {
    const seen = [];
    const read = async () => {
      for await (const event of await client.chat.completions.create({ ...asked, stream: true }))
        seen.push(event.choices[0].delta.content);
    };
    return { error: await errorOf(read()), seen };
  },
  async "abort-stream"() {
    const stream = await client.chat.completions.create({ ...long, stream: true });
    told().then(() => {
      stream.controller.abort();
      left(null);
    });
    for await (const event of stream) void event;
  },
  async "abort-whole"() {
    const controller = new AbortController();
    told().then(() => controller.abort());
    await client.chat.completions.create(long, { signal: controller.signal }).catch(left);
  },
  async "leave-loop"() {
    let leave = false;
    told().then(() => { leave = true; });
    for await (const event of await client.chat.completions.create({ ...long, stream: true })) {
      void event;
      if (leave) break; // which aborts the stream
    }
    left(null);
  },
};

const result = await parts[process.argv[2]]();
if (result) {
  lines.close();
  console.log(JSON.stringify(result));
}
