#include <string>
#include <utility>

#include "serve/context.h"
#include "serve/http_text.h"
#include "serve/page_files.h"

namespace jielong::serve {
namespace {

/// No script, style or connection but the page's own.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; font-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

constexpr std::string_view kNotBuilt = R"(<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Jielong 接龍</title>
<h1>Jielong 接龍</h1>
<p>The server is running, but this program was built without its chat page.
Build the page and then the program: <code>make page build</code></p>
<p lang="zh-TW">伺服器正在執行，但這個程式編譯時沒有包含聊天頁面。請先建置頁面再編譯程式：<code>make page build</code></p>
<p>The APIs work all the same; see <a href="/health">/health</a>.</p>
</html>
)";

std::string_view content_type_of(std::string_view path) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".json", "application/json"},
      {".webmanifest", "application/manifest+json"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".ico", "image/x-icon"},
      {".woff2", "font/woff2"},
      {".txt", "text/plain; charset=utf-8"},
  };
  for (const auto& [ending, type] : kTypes) {
    if (path.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

HttpHeaders page_headers(std::string_view path, std::string_view etag) {
  HttpHeaders headers{{"Content-Security-Policy", std::string(kPolicy)},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cross-Origin-Opener-Policy", "same-origin"},
                      {"Cross-Origin-Resource-Policy", "same-origin"},
                      {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
                      {"Vary", "Accept-Encoding"}};
  if (!etag.empty()) headers.emplace_back("ETag", etag);
  // The build puts a hash into the names of what lies there.
  const bool hashed = path.starts_with("/assets/");
  headers.emplace_back("Cache-Control",
                       hashed ? "public, max-age=31536000, immutable" : "no-cache");
  return headers;
}

void answer(const PageFile& file, const HttpRequest& request, HttpReply& reply) {
  HttpHeaders headers = page_headers(file.path, file.etag);
  if (names_etag(request.header("if-none-match"), file.etag)) {
    reply.send(304, "", "", headers);
    return;
  }
  const bool gzip = !file.gzip.empty() && accepts_coding(request.header("accept-encoding"), "gzip");
  if (gzip) headers.emplace_back("Content-Encoding", "gzip");
  reply.send(200, content_type_of(file.path), std::string(gzip ? file.gzip : file.plain), headers);
}

}  // namespace

void add_page_routes(RouteTable& table) {
  Route route;
  route.method = "GET";
  route.open = true;
  route.immediate = true;
  bool built = false;
  for (const PageFile& file : page_files()) {
    const bool index = file.path == "/index.html";
    built = built || index;
    route.handler = [&file](const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) {
      answer(file, request, *reply);
    };
    route.path = index ? "/" : std::string(file.path);
    table.add(route);
    if (!index) continue;
    route.path = "/runs";  // the same page, which shows trainings there
    table.add(route);
  }
  if (built) return;
  route.handler = [](const HttpRequest&, const std::shared_ptr<HttpReply>& reply) {
    reply->send(200, "text/html; charset=utf-8", std::string(kNotBuilt), page_headers("/", ""));
  };
  for (const char* path : {"/", "/runs"}) {
    route.path = path;
    table.add(route);
  }
}

}  // namespace jielong::serve
