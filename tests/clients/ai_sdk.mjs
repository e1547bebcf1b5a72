// SPDX-License-Identifier: Apache-2.0
// The Vercel AI SDK through @ai-sdk/openai-compatible: each part prints what it saw, as one JSON document.
import { createInterface } from "node:readline";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, streamText, tool } from "ai";
import { z } from "zod";

const { BASE: baseURL, KEY: apiKey, MODEL: name } = process.env;
const provider = createOpenAICompatible({ name: "seawall", baseURL, apiKey, includeUsage: true,
                                          supportsStructuredOutputs: true });
const model = provider(name);
const asked = { model, prompt: "Say hello in five words.", maxOutputTokens: 12, temperature: 0, seed: 7, maxRetries: 0 };
const long = { ...asked, maxOutputTokens: 1500, providerOptions: { seawall: { ignore_eos: true } } };

async function errorOf(work) {
  try {
    await work();
    return null;
  } catch (error) {
    return { name: error.name, status: error.statusCode, message: error.message, retryable: error.isRetryable,
             code: error.data?.error?.code };
  }
}

// Until a line comes in; then until the input ends, so that the process outlives what it left.
const lines = createInterface({ input: process.stdin });
const told = () => new Promise((resolve) => lines.once("line", resolve));

function left(error) {
  console.log(JSON.stringify({ left_at: Date.now() / 1000, error: error?.name ?? null }));
}

// Earlier turns that call the function: a model of this size then does as it did before.
const talk = ["Bonn", "Lima", "Kyiv"].flatMap((city) => [
  { role: "user", content: `Weather in ${city}?` },
  { role: "assistant", content: [{ type: "tool-call", toolCallId: `call_${city}`, toolName: "get_weather", input: { city } }] },
  { role: "tool", content: [{ type: "tool-result", toolCallId: `call_${city}`, toolName: "get_weather",
                              output: { type: "text", value: "rain" } }] }]);
const tools = { get_weather: tool({ description: "Weather of a city",
                                    inputSchema: z.object({ city: z.string().max(8) }) }) };
const weather = { ...asked, prompt: undefined, messages: [...talk, { role: "user", content: "Weather in Rome?" }], tools,
                  toolChoice: "required", maxOutputTokens: 48 };
const calls = (list) => list.map(({ toolName, input }) => ({ toolName, input }));

const parts = {
  async generate() {
    const { text, usage, finishReason, response } = await generateText(asked);
    return { text, usage, finishReason, model: response.modelId };
  },
  async stream() {
    const result = streamText(asked);
    let text = "", pieces = 0;
    for await (const piece of result.textStream) {
      text += piece;
      pieces++;
    }
    return { text, pieces, usage: await result.usage, finishReason: await result.finishReason };
  },
  async tools() {
    const whole = await generateText(weather);
    const stream = streamText(weather);
    await stream.consumeStream();
    return { whole: calls(whole.toolCalls), stream: calls(await stream.toolCalls), finishReason: whole.finishReason };
  },
  async object() {
    const { object } = await generateObject({ ...asked, maxOutputTokens: 24, schema: z.object({ ok: z.boolean() }) });
    return object;
  },
  async errors() {
    const streamed = [];
    for await (const part of streamText({ ...asked, model: provider("gpt-9"), onError() {} }).fullStream)
      if (part.type === "error") streamed.push({ name: part.error.name, status: part.error.statusCode });
    return { model: await errorOf(() => generateText({ ...asked, model: provider("gpt-9") })),
             key: await errorOf(() => generateText({ ...asked, model: createOpenAICompatible({ name: "seawall", baseURL,
               apiKey: "sk-sw-wrong" })(name) })),
             field: await errorOf(() => generateText({ ...asked, temperature: 3 })), streamed };
  },
  async retry() {
    return { text: (await generateText({ ...asked, maxRetries: 2 })).text };
  },
  async broken() {
    const seen = [], errors = [];
    for await (const part of streamText({ ...asked, onError() {} }).fullStream) {
      if (part.type === "text-delta") seen.push(part.text);
      if (part.type === "error") errors.push(part.error?.message ?? part.error);
    }
    return { seen, errors };
  },
  async "abort-stream"() {
    const controller = new AbortController();
    told().then(() => {
      controller.abort();
      left(null);
    });
    for await (const piece of streamText({ ...long, abortSignal: controller.signal, onError() {} }).textStream) void piece;
  },
  async "abort-whole"() {
    const controller = new AbortController();
    told().then(() => controller.abort());
    await generateText({ ...long, abortSignal: controller.signal }).catch(left);
  },
};

const result = await parts[process.argv[2]]();
if (result) {
  lines.close();
  console.log(JSON.stringify(result));
}
