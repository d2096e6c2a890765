#include "model/template/budget.h"

#include <fmt/format.h>

#include "base/error.h"

namespace jielong::jinja {
namespace {

[[noreturn]] void refuse(std::string what) {
  throw Error(ErrorKind::limit, std::move(what), {},
              "use another chat template or fewer and shorter messages");
}

}  // namespace

void Budget::refuse_steps() const {
  refuse(fmt::format("the template takes more than {} steps", limits_.steps));
}

void Budget::refuse_work() const {
  refuse(fmt::format("the template builds more than {} bytes of values", limits_.work_bytes));
}

void Budget::refuse_output() const {
  refuse(fmt::format("the template writes more than {} bytes", limits_.output_bytes));
}

void Budget::refuse_depth() const {
  refuse(fmt::format("the template nests or calls itself more than {} levels deep", limits_.depth));
}

}  // namespace jielong::jinja
