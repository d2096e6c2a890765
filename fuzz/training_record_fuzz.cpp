// Records to learn from: whatever a line of a file is, it becomes tokens or an Error. The first
// byte chooses the format.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "memory_path.h"
#include "model/chat_template.h"
#include "token/tokenizer_json.h"
#include "token/training/tokenizer_trainer.h"
#include "train/data/example.h"
#include "train/data/record_reader.h"

namespace {

using namespace jielong;

std::unique_ptr<Tokenizer> make_tokenizer() {
  ThreadPool pool(1);
  TokenizerTraining settings;
  settings.vocabulary = 300;
  settings.special = {"<|im_start|>", "<|im_end|>"};
  TokenizerTrainer trainer(settings, pool);
  const std::string_view text = "the cat sat on the mat and the dog sat";
  trainer.add({&text, 1});
  const TrainedTokenizer trained = trainer.finish();
  return tokenizer_from_json(trained.tokenizer_json, "tokenizer.json", trained.config_json);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto tokenizer = make_tokenizer();
  static const ChatTemplate chat(fallback_chat_template("chatml"));
  static MemoryPath file;
  if (size == 0) return 0;
  const auto format = static_cast<LearningFormat>(data[0] % 5);
  const bool json = data[0] % 2 == 0;
  const auto cut = static_cast<TextCut>(data[0] / 5 % 3);
  file.set(data + 1, size - 1);
  const ExampleMaker maker(format, {}, *tokenizer, data[0] % 7 == 0 ? nullptr : &chat);
  try {
    RecordReader reader({{file.path(), json ? DataFileKind::json_lines : DataFileKind::text, size}},
                        cut, data[0] > 200 ? "<end>" : "", {});
    Record record;
    while (reader.next(record)) {
      try {
        for (const ExampleText& text :
             maker.texts(record.content, record.is_json, reader.place(record))) {
          const Example example = maker.encode(text);
          if (!example.learnt.empty() && example.learnt.size() != example.tokens.size())
            __builtin_trap();
        }
      } catch (const Error&) {
      }
    }
  } catch (const Error&) {
  }
  return 0;
}
