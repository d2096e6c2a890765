#include "serve/listen.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "base/quote.h"
#include "serve/http_text.h"

namespace jielong::serve {
namespace {

[[noreturn]] void refuse_to_listen(const std::string& host, int port, int error) {
  const std::string where = fmt::format("{}:{}", host, port);
  switch (error) {
    case EADDRINUSE:
      throw Error(ErrorKind::io, "another program listens there already", where,
                  "stop it, or choose another port with --port (0: any that is free)");
    case EADDRNOTAVAIL:
      throw bad_input("is no address of this machine", where, "choose one with --host");
    case EACCES:
      throw Error(ErrorKind::io, "the system does not let you listen there", where,
                  "choose a port above 1023 with --port");
    default:
      throw Error(ErrorKind::io, fmt::format("cannot listen ({})", std::strerror(error)), where);
  }
}

}  // namespace

Listener::Listener(const std::string& host, int port) {
  if (port < 0 || port > 65535) throw bad_input("must lie between 0 and 65535", "--port");
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* results = nullptr;
  // The same everywhere, whatever the resolver puts first.
  const std::string name = host == "localhost" ? "127.0.0.1" : host;
  const int status = ::getaddrinfo(name.empty() ? "-" : name.c_str(), std::to_string(port).c_str(),
                                   &hints, &results);
  if (status != 0 || results == nullptr) {
    throw bad_input(fmt::format("{} is no address ({})", in_quotes(host), ::gai_strerror(status)),
                    "--host", "give an address of this machine, as 127.0.0.1 or 0.0.0.0");
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(results, &::freeaddrinfo);
  descriptor_ = ::socket(results->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) refuse_to_listen(host, port, errno);
  const int on = 1, off = 0;
  ::setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (results->ai_family == AF_INET6) {
    ::setsockopt(descriptor_, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (::bind(descriptor_, results->ai_addr, results->ai_addrlen) != 0 ||
      ::listen(descriptor_, 1024) != 0) {
    const int error = errno;
    ::close(descriptor_);
    refuse_to_listen(host, port, error);
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&bound), &size);
  char text[INET6_ADDRSTRLEN] = "";
  if (bound.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6&>(bound);
    ::inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text);
    port_ = ntohs(address.sin6_port);
    any_ = IN6_IS_ADDR_UNSPECIFIED(&address.sin6_addr);
  } else {
    const auto& address = reinterpret_cast<const sockaddr_in&>(bound);
    ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    port_ = ntohs(address.sin_port);
    any_ = address.sin_addr.s_addr == htonl(INADDR_ANY);
  }
  address_ = text;
  loopback_ = is_loopback(address_);
}

Listener::~Listener() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string Listener::url() const {
  if (any_) return fmt::format("http://localhost:{}", port_);
  const bool ipv6 = address_.find(':') != std::string::npos;
  return fmt::format("http://{}{}{}:{}", ipv6 ? "[" : "", address_, ipv6 ? "]" : "", port_);
}

void Listener::refuse() { ::shutdown(descriptor_, SHUT_RDWR); }

}  // namespace jielong::serve
