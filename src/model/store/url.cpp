#include "model/store/url.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

#include "base/error.h"

namespace jielong::store {
namespace {

using Handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

Handle make_handle() {
  Handle handle(curl_url(), &curl_url_cleanup);
  if (!handle) throw Error(ErrorKind::internal, "out of memory for a URL");
  return handle;
}

std::string part(CURLU* handle, CURLUPart which, unsigned flags = 0) {
  char* value = nullptr;
  if (curl_url_get(handle, which, &value, flags) != CURLUE_OK || value == nullptr) return {};
  std::string text = value;
  curl_free(value);
  return text;
}

struct Parts {
  std::string scheme, host, port, path, text;
};

Parts parts_of(CURLU* handle) {
  return {part(handle, CURLUPART_SCHEME), part(handle, CURLUPART_HOST),
          part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT), part(handle, CURLUPART_PATH),
          part(handle, CURLUPART_URL)};
}

}  // namespace

Url Url::parse(const std::string& text) {
  const Handle handle = make_handle();
  const bool valid = curl_url_set(handle.get(), CURLUPART_URL, text.c_str(), 0) == CURLUE_OK &&
                     text.find('\0') == text.npos;
  const Parts parts = valid ? parts_of(handle.get()) : Parts{};
  if ((parts.scheme != "http" && parts.scheme != "https") || parts.host.empty()) {
    throw bad_input("is not an http or https address", "URL", "check the address and its source");
  }
  Url url;
  url.text_ = parts.text;
  url.origin_ = fmt::format("{}://{}:{}", parts.scheme, parts.host, parts.port);
  const bool usual = parts.port == (parts.scheme == "https" ? "443" : "80");
  url.shown_ = fmt::format("{}://{}{}{}", parts.scheme, parts.host, usual ? "" : ":" + parts.port,
                           parts.path);
  return url;
}

Url Url::resolve(const std::string& reference) const {
  const Handle handle = make_handle();
  curl_url_set(handle.get(), CURLUPART_URL, text_.c_str(), 0);
  if (curl_url_set(handle.get(), CURLUPART_URL, reference.c_str(), 0) != CURLUE_OK) {
    throw bad_input("leads to something that is no address", shown_);
  }
  curl_url_set(handle.get(), CURLUPART_USER, nullptr, 0);
  curl_url_set(handle.get(), CURLUPART_PASSWORD, nullptr, 0);
  Url url = parse(part(handle.get(), CURLUPART_URL));
  if (url.origin_ == origin_) {
    // The same server may want the credentials again, as pip sends them.
    const Handle own = make_handle();
    curl_url_set(own.get(), CURLUPART_URL, text_.c_str(), 0);
    const std::string own_user = part(own.get(), CURLUPART_USER);
    const std::string own_password = part(own.get(), CURLUPART_PASSWORD);
    if (!own_user.empty()) {
      curl_url_set(handle.get(), CURLUPART_USER, own_user.c_str(), 0);
      if (!own_password.empty()) {
        curl_url_set(handle.get(), CURLUPART_PASSWORD, own_password.c_str(), 0);
      }
      url.text_ = part(handle.get(), CURLUPART_URL);
    }
  }
  return url;
}

std::string escape_path(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace jielong::store
