// SPDX-License-Identifier: Apache-2.0
// The official `openai` client for Node: each part prints what it saw, as one JSON document.
import OpenAI from "openai";

const { BASE: baseURL, KEY: apiKey } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const model = "smollm2";
const messages = [{ role: "user", content: "Say hello in one short sentence." }];

async function errorOf(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    return { name: error.constructor.name, status: error.status, code: error.code, param: error.param,
             requestID: error.requestID };
  }
}

const parts = {
  async whole() {
    const answer = await client.chat.completions.create({ model, messages, max_tokens: 12, temperature: 0, seed: 1 });
    return { content: answer.choices[0].message.content, usage: answer.usage };
  },
  async stream() {
    let content = "", usage = null;
    const stream = await client.chat.completions.create({ model, messages, max_tokens: 12, temperature: 0, seed: 1,
                                                          stream: true, stream_options: { include_usage: true } });
    for await (const event of stream) {
      content += event.choices[0]?.delta.content ?? "";
      usage = event.usage ?? usage;
    }
    return { content, usage };
  },
  async abort() {
    const stream = await client.chat.completions.create({ model, max_tokens: 1500, stream: true, messages: [
      { role: "user", content: "Count slowly from one to two hundred, in words." }] });
    let events = 0;
    for await (const event of stream) if (++events === 5) break; // which aborts the stream
    return { events };
  },
  async errors() {
    const chat = (more, key = apiKey) => new OpenAI({ baseURL, apiKey: key, maxRetries: 0 })
      .chat.completions.create({ model, messages, max_tokens: 4, ...more });
    return { key: await errorOf(chat({}, "sk-sw-wrong")), model: await errorOf(chat({ model: "gpt-9" })),
             field: await errorOf(chat({ temperature: 3 })) };
  },
  async models() {
    const ids = [];
    for await (const entry of client.models.list()) ids.push(entry.id);
    return ids;
  },
};

console.log(JSON.stringify(await parts[process.argv[2]]()));
