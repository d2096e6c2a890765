#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace jielong {

/// What a document becomes, and where the loss is taken.
enum class LearningFormat : std::uint8_t {
  next_token,  ///< every token from those before it
  masked,      ///< hidden tokens from all others (Devlin et al. 2018)
  classify,    ///< a class for each whole text
  instruct,    ///< the assistant's turns of a chat, or the answer to a prompt
  preference   ///< a chosen and a rejected answer to one prompt (Rafailov et al. 2023)
};

/// "next_token" and so on, as recipes and errors spell them.
std::string name_of(LearningFormat format);
/// Throws Error(bad_input) that lists the names.
LearningFormat learning_format(const std::string& name, const std::string& where);

/// The fields of a JSON object or columns of a Parquet file that hold what is learnt.
struct FieldNames {
  std::string text = "text";
  std::string label = "label";
  /// Chats: a list of {"role", "content"}. Where a record has none, prompt and answer are one.
  std::string messages = "messages";
  std::string prompt = "prompt";
  std::string answer = "completion";
  std::string chosen = "chosen";
  std::string rejected = "rejected";
};

}  // namespace jielong
