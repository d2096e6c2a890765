#include "tensor/pass.h"

#include <string>

namespace jielong {

void Pass::visit(std::string_view name, std::string_view suffix, Tensor value) const {
  if (tap_ != nullptr) (*tap_)(std::string(name).append(suffix), value);
}

}  // namespace jielong
