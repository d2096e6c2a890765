#include "model/store/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <charconv>
#include <exception>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/quote.h"

namespace jielong::store {
namespace {

constexpr int kMaxRedirects = 8;
constexpr long kConnectSeconds = 20;
constexpr long kStallSeconds = 60;  ///< without a byte, the transfer counts as broken

struct Initialized {
  Initialized() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

/// One request's state, as libcurl's callbacks see it.
struct Transfer {
  CURL* handle = nullptr;
  const HttpReceiver* receiver = nullptr;
  HttpAnswer answer;
  std::exception_ptr failure;
  bool begun = false, cancelled = false;

  /// Runs `body`; an exception in it is kept and ends the transfer.
  template <typename Body>
  bool guard(const Body& body) {
    try {
      body();
      return true;
    } catch (...) {
      failure = std::current_exception();
      return false;
    }
  }
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r' || text.back() == '\n')) {
    text.remove_suffix(1);
  }
  return text;
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {
    // A new answer begins, for instance after "100 Continue".
    Url url = transfer.answer.url;
    transfer.answer = HttpAnswer();
    transfer.answer.url = std::move(url);
    return line.size();
  }
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return line.size();
  std::string name(line.substr(0, colon));
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (name == "content-type") transfer.answer.content_type = value;
  if (name == "content-range") transfer.answer.content_range = value;
  if (name == "retry-after") transfer.answer.retry_after = value;
  if (name == "content-length") {
    std::uint64_t length = 0;
    const auto result = std::from_chars(value.data(), value.data() + value.size(), length);
    if (result.ec == std::errc()) transfer.answer.content_length = length;
  }
  return line.size();
}

std::size_t on_data(char* data, std::size_t size, std::size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &transfer.answer.status);
  // The words of an error page are of no use here.
  if (transfer.answer.status != 200 && transfer.answer.status != 206) return size * count;
  const bool kept = transfer.guard([&] {
    if (!transfer.begun) transfer.receiver->begin(transfer.answer);
    transfer.begun = true;
    transfer.receiver->data({data, size * count});
  });
  return kept ? size * count : 0;
}

int on_progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (!transfer.receiver->keep_on) return 0;
  bool keeps_on = false;
  if (!transfer.guard([&] { keeps_on = transfer.receiver->keep_on(); })) return 1;
  transfer.cancelled = !keeps_on;
  return keeps_on ? 0 : 1;
}

HttpBreak break_of(CURLcode code) {
  switch (code) {
    case CURLE_OK: return HttpBreak::none;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return HttpBreak::transient;
    default: return HttpBreak::fatal;
  }
}

using List = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;
using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

/// One request without following redirects; `*redirect` gets where one leads.
HttpOutcome get_once(const HttpRequest& request, const Url& url, const HttpReceiver& receiver,
                     std::string* redirect) {
  const Handle handle(curl_easy_init(), &curl_easy_cleanup);
  if (!handle) throw Error(ErrorKind::internal, "the HTTP library cannot start");
  Transfer transfer;
  transfer.handle = handle.get();
  transfer.receiver = &receiver;
  transfer.answer.url = url;
  List headers(nullptr, &curl_slist_free_all);
  const auto add_header = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
    if (longer == nullptr) throw Error(ErrorKind::internal, "out of memory for a header");
    (void)headers.release();
    headers.reset(longer);
  };
  if (!request.accept.empty()) add_header("Accept: " + request.accept);
  if (!request.token.secret.empty() && request.token.origin == url.origin()) {
    add_header("Authorization: Bearer " + request.token.secret);
  }
  const auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(handle.get(), option, value);
  };
  set(CURLOPT_URL, url.text().c_str());
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_USERAGENT, "jielong");
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, kStallSeconds);
  set(CURLOPT_BUFFERSIZE, 512L * 1024);
  const std::string range = fmt::format("{}-", request.from);
  if (request.from > 0) set(CURLOPT_RANGE, range.c_str());
  set(CURLOPT_HEADERFUNCTION, on_header);
  set(CURLOPT_HEADERDATA, &transfer);
  set(CURLOPT_WRITEFUNCTION, on_data);
  set(CURLOPT_WRITEDATA, &transfer);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, on_progress);
  set(CURLOPT_XFERINFODATA, &transfer);
  const CURLcode code = curl_easy_perform(handle.get());
  if (transfer.failure) std::rethrow_exception(transfer.failure);
  if (transfer.cancelled) throw Error(ErrorKind::cancelled, "stopped by the user", url.shown());
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &transfer.answer.status);
  const bool took_body = transfer.answer.status == 200 || transfer.answer.status == 206;
  if (code == CURLE_OK && took_body && !transfer.begun) receiver.begin(transfer.answer);  // empty
  char* target = nullptr;
  curl_easy_getinfo(handle.get(), CURLINFO_REDIRECT_URL, &target);
  if (target != nullptr) *redirect = target;
  return {std::move(transfer.answer), break_of(code), curl_easy_strerror(code)};
}

}  // namespace

HttpOutcome http_get(const HttpRequest& request, const HttpReceiver& receiver) {
  static const Initialized initialized;
  Url url = request.url;
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    std::string redirect;
    HttpOutcome outcome = get_once(request, url, receiver, &redirect);
    const long status = outcome.answer.status;
    if (outcome.broke != HttpBreak::none || status < 300 || status > 399 || redirect.empty()) {
      return outcome;
    }
    const Url next = url.resolve(redirect);
    if (url.is_https() && !next.is_https()) {
      throw Error(ErrorKind::io, "sends us from https to plain http, which we refuse", url.shown());
    }
    url = next;
  }
  throw Error(ErrorKind::io, fmt::format("redirects more than {} times", kMaxRedirects),
              request.url.shown());
}

void throw_http_error(const HttpOutcome& outcome, const Url& url) {
  if (outcome.broke != HttpBreak::none) {
    throw Error(ErrorKind::io, fmt::format("cannot be fetched: {}", outcome.reason), url.shown(),
                "check the network and proxy settings, then try again");
  }
  switch (const long status = outcome.answer.status) {
    case 401:
    case 403:
      throw Error(ErrorKind::io, fmt::format("refuses access (status {})", status), url.shown(),
                  "if the model is private or gated, accept its terms on its page and set "
                  "HF_TOKEN to a token that may read it");
    case 404:
    case 410:
      throw Error(ErrorKind::not_found, fmt::format("is not there (status {})", status),
                  url.shown(), "check the name");
    case 429:
      throw Error(ErrorKind::io, "asks us to come back later: too many requests (status 429)",
                  url.shown(),
                  outcome.answer.retry_after.empty()
                      ? "wait a few minutes and try again"
                      : fmt::format("try again after {} (its Retry-After)",
                                    in_quotes(outcome.answer.retry_after, 40)));
    default:
      throw Error(ErrorKind::io, fmt::format("answers with status {}", status), url.shown(),
                  status >= 500 ? "the server has a fault; try again later" : "check the address");
  }
}

std::string http_text(const HttpRequest& request, std::size_t max_bytes, std::string* content_type,
                      Url* final_url) {
  std::string text;
  HttpReceiver receiver;
  receiver.begin = [](const HttpAnswer&) {};
  receiver.data = [&](std::string_view data) {
    if (text.size() + data.size() > max_bytes) {
      throw Error(ErrorKind::limit, fmt::format("answers with more than {} bytes", max_bytes),
                  request.url.shown());
    }
    text += data;
  };
  const HttpOutcome outcome = http_get(request, receiver);
  if (outcome.broke != HttpBreak::none || outcome.answer.status != 200) {
    throw_http_error(outcome, request.url);
  }
  if (content_type != nullptr) *content_type = outcome.answer.content_type;
  if (final_url != nullptr) *final_url = outcome.answer.url;
  return text;
}

}  // namespace jielong::store
