/* SPDX-License-Identifier: Apache-2.0 */
#include "site/page.h"

#include "site/accept.h"

#define LANGUAGES_MAX 32 /* entries of Accept-Language that are looked at */

struct words {
    const char *lang, *title, *what, *models, *up, *down, *none, *try_it, *key, *streams;
    const char *moment, *busy, *waiting, *seconds, *again, *room, *go_on;
};

static const struct words words[] = {
    [PAGE_ENGLISH] =
        {.lang = "en",
         .title = "Seawall",
         .what = "The front door of an AI service: an OpenAI- and DeepSeek-compatible API that "
                 "keeps its "
                 "users at their speed.",
         .models = "Models",
         .up = "up",
         .down = "down",
         .none = "No model's server has answered yet. This page shows them as soon as one does.",
         .try_it = "Try it",
         .key = "Put your API key in place of $SEAWALL_API_KEY. No key yet? Ask whoever runs this "
                "service; they make one with this (DIR is the data folder):",
         .streams = "The answer comes token by token, as server-sent events.",
         .moment = "One moment, please",
         .busy = "More is asked for than the models can do at once.",
         .waiting = "Requests that wait",
         .seconds = "A new one would wait about, in seconds",
         .again = "This page looks again every five seconds, and goes on by itself when nobody "
                  "waits any more.",
         .room = "Nobody waits any more.",
         .go_on = "Go on"},
    [PAGE_CHINESE] =
        {.lang = "zh",
         .title = "Seawall",
         .what = "AI 服务的前门：兼容 OpenAI 与 DeepSeek 的 API，让现有用户始终保持原有速度。",
         .models = "模型",
         .up = "正常",
         .down = "不可用",
         .none = "尚无模型服务器响应。一旦有响应，就会显示在这里。",
         .try_it = "试一试",
         .key = "请将 $SEAWALL_API_KEY 换成您的 API "
                "密钥。还没有密钥？请联系服务管理员，他们可以这样创建（DIR 为服务的数据目录）：",
         .streams = "回答以服务器推送事件（SSE）的形式逐个词元返回。",
         .moment = "请稍候",
         .busy = "当前请求超出了模型的处理能力。",
         .waiting = "排队中的请求",
         .seconds = "新请求预计等待（秒）",
         .again = "本页每五秒自动刷新；无人排队时会自动继续。",
         .room = "现在无人排队。",
         .go_on = "继续"},
};

enum page_language page_language(struct span accept_language)
{
    unsigned best = 0;
    enum page_language language = PAGE_ENGLISH;
    struct span entry;
    for (size_t i = 0; i < LANGUAGES_MAX && span_split(&accept_language, ',', &entry); i++) {
        struct span name;
        if (!span_split(&entry, ';', &name))
            continue;
        name = span_trim(name);
        unsigned weight = accept_quality(entry);
        bool chinese = name.len >= 2 && span_eq_nocase(span_take(name, 2), SPAN("zh"));
        bool english = name.len >= 2 && span_eq_nocase(span_take(name, 2), SPAN("en"));
        if ((chinese || english) && weight > best) {
            best = weight;
            language = chinese ? PAGE_CHINESE : PAGE_ENGLISH;
        }
    }
    return language;
}

static void escape(struct buf *body, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '&':
            buf_append(body, SPAN("&amp;"));
            break;
        case '<':
            buf_append(body, SPAN("&lt;"));
            break;
        case '>':
            buf_append(body, SPAN("&gt;"));
            break;
        case '"':
            buf_append(body, SPAN("&quot;"));
            break;
        case '\'':
            buf_append(body, SPAN("&#39;"));
            break;
        default:
            buf_append_byte(body, text.ptr[i]);
        }
    }
}

static void write_models(const struct site_facts *facts, const struct words *say, struct buf *body)
{
    if (facts->models_count == 0) {
        buf_printf(body, "<p>%s</p>\n", say->none);
        return;
    }
    buf_append(body, SPAN("<ul>\n"));
    for (size_t i = 0; i < facts->models_count; i++) {
        buf_append(body, SPAN("<li><span class=\"model\">"));
        escape(body, facts->models[i]);
        buf_printf(body, "</span><span class=\"%s\">%s</span></li>\n",
                   facts->models_up[i] ? "up" : "down", facts->models_up[i] ? say->up : say->down);
    }
    buf_append(body, SPAN("</ul>\n"));
}

/* The model that the ready line asks: the first that is up. */
static struct span ready_model(const struct site_facts *facts)
{
    for (size_t i = 0; i < facts->models_count; i++)
        if (facts->models_up[i])
            return facts->models[i];
    return facts->models_count > 0 ? facts->models[0] : SPAN("MODEL");
}

static void write_curl(const struct site_facts *facts, struct buf *body)
{
    struct span model = ready_model(facts);
    buf_append(body, SPAN("<pre tabindex=\"0\">curl -N "));
    buf_append(body, facts->secure ? SPAN("https://") : SPAN("http://"));
    escape(body, facts->host);
    buf_append(body,
               SPAN("/v1/chat/completions \\\n  -H \"Authorization: Bearer $SEAWALL_API_KEY\" \\\n"
                    "  -H \"Content-Type: application/json\" \\\n  -d '{\"model\":\""));
    escape(body, model);
    buf_append(body, SPAN("\",\"stream\":true,\n       "
                          "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'</pre>\n"));
}

/* Up to and with the heading. */
static void write_top(const struct words *say, const char *heading, struct buf *body)
{
    buf_printf(body,
               "<!doctype html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" "
               "content=\"width=device-width,initial-scale=1\">\n<title>%s</title>\n"
               "<link rel=\"icon\" href=\"/favicon.svg\">\n<link rel=\"stylesheet\" "
               "href=\"/seawall.css\">\n</head>\n<body>\n"
               "<main>\n<header><img src=\"/favicon.svg\" alt=\"\"><h1>%s</h1></header>\n",
               say->lang, heading, heading);
}

void page_write(const struct site_facts *facts, enum page_language language, struct buf *body)
{
    const struct words *say = &words[language];
    write_top(say, say->title, body);
    buf_printf(body, "<p class=\"what\">%s</p>\n<h2>%s</h2>\n", say->what, say->models);
    write_models(facts, say, body);
    buf_printf(body, "<h2>%s</h2>\n", say->try_it);
    write_curl(facts, body);
    buf_printf(body,
               "<p>%s</p>\n<p>%s <code>./seawall --data DIR key create "
               "NAME</code></p>\n</main>\n</body>\n</html>\n",
               say->streams, say->key);
}

void page_write_waiting(const struct site_facts *facts, enum page_language language,
                        struct buf *body)
{
    const struct words *say = &words[language];
    write_top(say, say->moment, body);
    if (facts->waiting > 0)
        buf_printf(body,
                   "<p class=\"what\">%s</p>\n<ul>\n<li><span>%s</span><span>%u</span></li>\n"
                   "<li><span>%s</span><span>%u</span></li>\n</ul>\n<p>%s</p>\n",
                   say->busy, say->waiting, facts->waiting, say->seconds,
                   facts->estimate_ms / 1000 + 1, say->again);
    else
        buf_printf(body, "<p class=\"what\">%s <a href=\"/\">%s</a></p>\n", say->room, say->go_on);
    buf_append(body, SPAN("</main>\n</body>\n</html>\n"));
}
