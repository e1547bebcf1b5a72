// SPDX-License-Identifier: Apache-2.0
// The Vercel AI SDK through @ai-sdk/openai-compatible: each part prints what it saw, as one JSON document.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText, tool } from "ai";
import { z } from "zod";

const provider = createOpenAICompatible({ name: "seawall", baseURL: process.env.BASE, apiKey: process.env.KEY,
                                          includeUsage: true });
const model = provider("smollm2");
const prompt = "Say hello in one short sentence.";

const parts = {
  async generate() {
    const { text, usage, finishReason } = await generateText({ model, prompt, maxOutputTokens: 12, temperature: 0, seed: 1,
                                                               maxRetries: 0 });
    return { text, usage, finishReason };
  },
  async stream() {
    const result = streamText({ model, prompt, maxOutputTokens: 12, temperature: 0, seed: 1, maxRetries: 0 });
    let text = "";
    for await (const piece of result.textStream) text += piece;
    return { text, usage: await result.usage };
  },
  async abort() {
    const controller = new AbortController();
    const result = streamText({ model, prompt: "Count slowly from one to two hundred, in words.", maxOutputTokens: 1500,
                                maxRetries: 0, abortSignal: controller.signal, onError() {} });
    let pieces = 0;
    try {
      for await (const piece of result.textStream) if (++pieces === 5) controller.abort();
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
    return { pieces };
  },
  async tools() {
    // Earlier turns that call the function: a model of this size then does as it did before.
    const asked = ["Bonn", "Lima", "Kyiv"].flatMap((city) => [
      { role: "user", content: `Weather in ${city}?` },
      { role: "assistant", content: [{ type: "tool-call", toolCallId: `call_${city}`, toolName: "get_weather", input: { city } }] }]);
    const { toolCalls } = await generateText({
      model, temperature: 0, seed: 7, maxOutputTokens: 48, maxRetries: 0, toolChoice: "required",
      messages: [...asked, { role: "user", content: "Weather in Rome?" }],
      tools: { get_weather: tool({ description: "Weather of a city", inputSchema: z.object({ city: z.string().max(8) }) }) } });
    return toolCalls.map(({ toolName, input }) => ({ toolName, input }));
  },
  async error() {
    try {
      await generateText({ model: provider("gpt-9"), prompt, maxRetries: 0 });
      return null;
    } catch (error) {
      return { name: error.name, status: error.statusCode, message: error.message, retryable: error.isRetryable };
    }
  },
};

console.log(JSON.stringify(await parts[process.argv[2]]()));
