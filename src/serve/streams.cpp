#include "serve/streams.h"

#include <string>

namespace jielong::serve {

std::string sse_event(std::string_view name, std::string_view data) {
  std::string out;
  out.reserve(name.size() + data.size() + 24);
  if (!name.empty()) {
    out += "event: ";
    out += name;
    out += '\n';
  }
  while (true) {
    const std::size_t end = data.find_first_of("\r\n");
    out += "data: ";
    out += data.substr(0, end);
    out += '\n';
    if (end == std::string_view::npos) break;
    const bool pair = data.substr(end).starts_with("\r\n");
    data.remove_prefix(end + (pair ? 2 : 1));
  }
  out += '\n';
  return out;
}

void begin_stream(HttpReply& reply, std::string_view content_type) {
  reply.begin(200, content_type, {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}});
}

bool NdjsonStream::record(std::string_view json) {
  std::string line(json);
  line += '\n';
  return reply_->write(line);
}

}  // namespace jielong::serve
