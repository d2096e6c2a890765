// What we read ourselves of a request's head, and what we write into a stream: hosts, origins,
// paths, framing, lists in headers, the guard as a whole, events. The first byte chooses.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "serve/framing.h"
#include "serve/guard.h"
#include "serve/http_text.h"
#include "serve/keys.h"
#include "serve/streams.h"

namespace {

using namespace jielong;
using namespace jielong::serve;

void require(bool holds) {
  if (!holds) std::abort();
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

/// A head as the library would hand it over: method, address, then names and values.
void check_head(std::string_view text) {
  const auto lines = lines_of(text);
  if (lines.size() < 2) return;
  HttpRequest request;
  for (std::size_t i = 2; i < lines.size(); ++i) {
    const std::size_t colon = lines[i].find(':');
    if (colon == std::string_view::npos) continue;
    request.headers.emplace_back(lower(lines[i].substr(0, colon)),
                                 trim(lines[i].substr(colon + 1)));
  }
  const Limits limits;
  const auto problem = check_framing({lines[0], lines[1], "HTTP/1.1", request.headers}, limits);
  if (!problem) {
    int lengths = 0, encodings = 0;
    for (const auto& [name, value] : request.headers) {
      lengths += name == "content-length";
      encodings += name == "transfer-encoding";
      require(value.find('\n') == std::string::npos && value.find('\0') == std::string::npos);
    }
    require(lengths + encodings <= 1);
  }
  const auto path = decode_path(lines[1]);
  if (!path) return;
  request.method = lines[0];
  request.path = *path;
  static const RouteTable table = [] {
    RouteTable made;
    made.add({"GET", "/v1/models/*", Dialect::openai, false, false, {}});
    made.add({"POST", "/v1/messages", Dialect::anthropic, false, false, {}});
    made.add({"GET", "/", Dialect::plain, true, true, {}});
    return made;
  }();
  static const Guard guard({{"key"}, true, {"name.example"}, {"https://page.example"}});
  const Guard::Verdict verdict = guard.check(request, table);
  if (verdict.route == nullptr || verdict.problem) return;
  // Whoever gets here named us, came from nowhere else, and had the key where one is needed.
  const auto host = parse_host(request.header("host"));
  require(host && (is_loopback(host->host) || host->host == "name.example"));
  require(verdict.route->open || request.header("x-api-key") == "key" ||
          request.header("authorization").ends_with("key"));
}

/// The data of the one event in `stream`.
std::string data_of(std::string_view stream) {
  std::string data;
  bool first = true;
  for (const std::string_view line : lines_of(stream)) {
    if (line.empty()) continue;
    require(line.starts_with("data: "));
    if (!first) data += '\n';
    data += line.substr(6);
    first = false;
  }
  return data;
}

void check_event(std::string_view data) {
  const std::string event = serve::sse_event({}, data);
  require(event.ends_with("\n\n"));
  // An empty line inside would end the event early.
  require(event.find("\n\n") == event.size() - 2);
  require(event.find('\r') == std::string::npos);
  std::string expected;
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (data[i] == '\r') {
      expected += '\n';
      if (i + 1 < data.size() && data[i + 1] == '\n') ++i;
    } else {
      expected += data[i];
    }
  }
  require(data_of(event) == expected);
}

void parse(char kind, std::string_view text) {
  switch (kind) {
    case 'h':
      if (const auto host = parse_host(text)) {
        require(!host->host.empty() && host->port >= 0 && host->port <= 65535);
        require(host->host.find_first_of("/@%\\ \t") == std::string::npos);
        const bool ipv6 = host->host.find(':') != std::string::npos;
        require(parse_host(ipv6 ? "[" + host->host + "]" : host->host)->host == host->host);
      }
      break;
    case 'o':
      if (const auto origin = parse_origin(text)) require(origin->port > 0);
      break;
    case 'p':
      if (const auto path = decode_path(text)) {
        require(path->starts_with('/') && is_valid_utf8(*path));
        require(("/" + *path + "/").find("/../") == std::string::npos);
        require(path->find('\0') == std::string::npos);
      }
      break;
    case 'a':
      accepts_coding(text, "gzip");
      names_etag(text, "\"etag\"");
      break;
    case 'k':
      for (const std::string& key : parse_keys(text)) require(!key.empty() && key[0] != '#');
      break;
    case 'e': check_event(text); break;
    default: check_head(text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  parse(static_cast<char>(data[0]), {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
