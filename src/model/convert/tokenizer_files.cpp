#include "model/convert/tokenizer_files.h"

namespace jielong {

void add_tokenizer_files(const Metadata&, std::vector<std::pair<std::string, std::string>>&,
                         std::vector<std::string>& notes) {
  notes.emplace_back("the tokenizer was left out");
}

}  // namespace jielong
