#include "serve/http_text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "base/utf8.h"

namespace jielong::serve {
namespace {

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// 1 to 65535 in decimal digits, or nothing.
std::optional<int> parse_port(std::string_view text) {
  int port = 0;
  if (text.empty() || text.size() > 5) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 1 || port > 65535) {
    return std::nullopt;
  }
  return port;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_ipv6(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

/// The next element of a comma-separated list, which is shortened by it.
std::string_view next_element(std::string_view& list) {
  const std::size_t comma = list.find(',');
  const std::string_view element = list.substr(0, comma);
  list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  return trim(element);
}

/// Whether a weight such as "q=0.5" of an element's parameters is zero.
bool has_zero_weight(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::size_t end = parameters.find(';');
    const std::string one = lower(trim(parameters.substr(0, end)));
    parameters.remove_prefix(end == std::string_view::npos ? parameters.size() : end + 1);
    if (!one.starts_with("q=")) continue;
    return one.size() > 2 && one.find_first_not_of("0.", 2) == std::string::npos;
  }
  return false;
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::optional<HostPort> parse_host(std::string_view text) {
  if (text.empty() || text.size() > 300) return std::nullopt;
  HostPort parsed;
  std::string_view rest;
  if (text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    parsed.host = lower(text.substr(1, close - 1));
    // inet_pton takes a text up to its first zero byte.
    if (parsed.host.find('\0') != std::string::npos || !is_ipv6(parsed.host)) return std::nullopt;
    rest = text.substr(close + 1);
  } else {
    const std::size_t colon = text.find(':');
    parsed.host = lower(text.substr(0, colon));
    const auto in_name = [](char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_'; };
    if (parsed.host.empty() || !std::all_of(parsed.host.begin(), parsed.host.end(), in_name)) {
      return std::nullopt;
    }
    // A name may end in the root's dot and mean the same.
    if (parsed.host.back() == '.') parsed.host.pop_back();
    if (parsed.host.empty() || parsed.host.back() == '.') return std::nullopt;
    if (colon != std::string_view::npos) rest = text.substr(colon);
  }
  if (rest.empty()) return parsed;
  if (rest.front() != ':') return std::nullopt;
  const auto port = parse_port(rest.substr(1));
  if (!port) return std::nullopt;
  parsed.port = *port;
  return parsed;
}

std::optional<HostPort> parse_origin(std::string_view text) {
  constexpr std::string_view kHttp = "http://", kHttps = "https://";
  const bool https = text.starts_with(kHttps);
  if (!https && !text.starts_with(kHttp)) return std::nullopt;
  auto parsed = parse_host(text.substr(https ? kHttps.size() : kHttp.size()));
  if (parsed && parsed->port == 0) parsed->port = https ? 443 : 80;
  return parsed;
}

bool is_address(std::string_view host) {
  const std::string text(host);
  if (text.find('\0') != std::string::npos) return false;
  in_addr address{};
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1 || is_ipv6(text);
}

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host.ends_with(".localhost") || host == "::1") return true;
  return host.starts_with("127.") && is_address(host);
}

std::optional<std::string> decode_path(std::string_view raw) {
  if (!raw.starts_with('/')) return std::nullopt;
  std::string path;
  path.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '%') {
      if (i + 2 >= raw.size()) return std::nullopt;
      const int high = hex_digit(raw[i + 1]), low = hex_digit(raw[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '\\') return std::nullopt;
    path += c;
  }
  if (!is_valid_utf8(path)) return std::nullopt;
  for (std::size_t at = 0; at != std::string::npos;) {
    const std::size_t end = path.find('/', at + 1);
    const std::string_view segment =
        std::string_view(path).substr(at + 1, end == std::string::npos ? end : end - at - 1);
    if (segment == "." || segment == "..") return std::nullopt;
    at = end;
  }
  return path;
}

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alnum(c) || kMarks.find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || c == '\t';
  });
}

bool accepts_coding(std::string_view accept_encoding, std::string_view coding) {
  bool any = false;
  while (!accept_encoding.empty()) {
    const std::string_view element = next_element(accept_encoding);
    const std::size_t semicolon = element.find(';');
    const std::string name = lower(trim(element.substr(0, semicolon)));
    const bool refused =
        semicolon != std::string_view::npos && has_zero_weight(element.substr(semicolon + 1));
    if (name == coding) return !refused;
    if (name == "*") any = !refused;
  }
  return any;
}

bool names_etag(std::string_view if_none_match, std::string_view etag) {
  while (!if_none_match.empty()) {
    std::string_view element = next_element(if_none_match);
    if (element == "*") return true;
    if (element.starts_with("W/")) element.remove_prefix(2);
    if (element == etag) return true;
  }
  return false;
}

}  // namespace jielong::serve
