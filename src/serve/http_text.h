#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace jielong::serve {

/// "example.org:8080" of a Host header or an origin.
struct HostPort {
  std::string host;  ///< in lower case; an IPv6 address without its brackets
  int port = 0;      ///< 0 when none was given
  bool operator==(const HostPort&) const = default;
};

/// Reads a Host header: a name, an IPv4 address or an IPv6 address in brackets, maybe a port.
/// Nothing for everything else, also user names, paths and percent signs.
std::optional<HostPort> parse_host(std::string_view text);

/// Reads an Origin header (RFC 6454) of http or https; the port is then always set. Nothing for
/// "null" and other schemes.
std::optional<HostPort> parse_origin(std::string_view text);

/// An IPv4 or IPv6 address, not a name.
bool is_address(std::string_view host);
/// "localhost", a name below it, an address in 127.0.0.0/8, ::1.
bool is_loopback(std::string_view host);

/// A request's path with percent signs decoded. Nothing unless it starts with '/', decodes to
/// UTF-8 without control characters and backslashes, and no segment is "." or "..".
std::optional<std::string> decode_path(std::string_view raw);

/// A header's name or a method (RFC 9110, "token").
bool is_token(std::string_view text);
/// A header's value without control characters, tabs aside.
bool is_field_value(std::string_view text);

/// Whether an Accept-Encoding header takes `coding`, which none does by default.
bool accepts_coding(std::string_view accept_encoding, std::string_view coding);
/// Whether an If-None-Match header names `etag` (with its quotes), weakly compared.
bool names_etag(std::string_view if_none_match, std::string_view etag);

/// ASCII only.
std::string lower(std::string_view text);
std::string_view trim(std::string_view text);

}  // namespace jielong::serve
