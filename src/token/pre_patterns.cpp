#include "token/pre_patterns.h"

#include <algorithm>

#include "token/scanners.h"

namespace jielong {
namespace {

// Patterns are written as the models' tokenizer.json files have them.
constexpr std::string_view kDigit = R"(\p{N})";
constexpr std::string_view kThreeDigits = R"(\p{N}{1,3})";
constexpr std::string_view kLine = R"([^\n]+|[\n]+)";
constexpr std::string_view kKanaHan = "[一-龥぀-ゟ゠-ヿ]+";
constexpr std::string_view kDeepSeekV3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDeepSeekLetters =
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)";
constexpr std::string_view kDeepSeekSigns = R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)";
constexpr std::string_view kDeepSeekHan = "[一-龥ࠀ-一가-퟿]+";
constexpr std::string_view kBloom = R"( ?[^(\s|.,!?…。，、।۔،)]+)";
constexpr std::string_view kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kBailing =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kSeedCoder =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kFalconSigns = R"([\p{P}\$\+<=>\^~\|`]+)";
constexpr std::string_view kAsciiThreeDigits = "[0-9][0-9][0-9]";
constexpr std::string_view kExaoneMoe =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)";

struct Named {
  std::string_view name;
  PreTokenizerRecipe recipe;
};

const std::vector<Named>& table() {
  using patterns::kGpt2, patterns::kGpt4o, patterns::kLlama3, patterns::kQwen2, patterns::kTekken;
  static const std::vector<Named> all = [] {
    std::vector<Named> names;
    const auto add = [&](std::initializer_list<std::string_view> list,
                         const PreTokenizerRecipe& recipe) {
      for (const std::string_view name : list) names.push_back({name, recipe});
    };
    add({"gpt-2", "gpt2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4",
         "gigachat", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum",
         "modern-bert"},
        {.patterns = {kGpt2}});
    add({"roberta-bpe", "jina-v1-en", "jina-v2-code"}, {.patterns = {kGpt2}, .add_sep = true});
    add({"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b",
         "mellum2"},
        {.patterns = {kDigit, kGpt2}});
    add({"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
         "jina-v5-nano"},
        {.patterns = {kLlama3}, .ignore_merges = true, .add_bos = true});
    add({"dbrx", "smaug-bpe", "chatglm-bpe"}, {.patterns = {kLlama3}});
    add({"glm4", "glm5"}, {.patterns = {kLlama3}, .ignore_merges = true});
    add({"qwen2", "megrez", "kormo", "f2llmv2"}, {.patterns = {kQwen2}, .nfc = true});
    add({"deepseek-r1-qwen", "stablelm2", "hunyuan", "solar-open", "grok-2"},
        {.patterns = {kQwen2}});
    add({"qwen35"}, {.patterns = {kQwen35}, .nfc = true});
    add({"tekken"}, {.patterns = {kTekken}, .ignore_merges = true, .add_bos = true});
    add({"gpt-4o", "llama4", "kanana2", "minimax-m2"}, {.patterns = {kGpt4o}});
    add({"deepseek-llm"}, {.patterns = {"[\r\n]", kDeepSeekLetters, kDeepSeekSigns, R"(\s+$)",
                                        kDeepSeekHan, R"(\p{N}+)"}});
    add({"deepseek-coder"},
        {.patterns = {"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kDeepSeekHan, kDigit}});
    add({"deepseek-v3", "hunyuan-dense", "joyai-llm"},
        {.patterns = {kThreeDigits, kKanaHan, kDeepSeekV3}});
    add({"falcon"}, {.patterns = {kFalconSigns, kGpt2, kAsciiThreeDigits}});
    add({"bloom", "gpt3-finnish", "poro-chat"}, {.patterns = {kBloom}});
    add({"viking"}, {.patterns = {kBloom, kDigit}});
    add({"bailingmoe", "bailingmoe2", "llada-moe"}, {.patterns = {kBailing}});
    add({"seed-coder"}, {.patterns = {kSeedCoder}});
    add({"exaone-moe"}, {.patterns = {kExaoneMoe}});
    add({"laguna"}, {.patterns = {kLine, kQwen2}});
    add({"gemma4"}, {.patterns = {kLine}, .meta_spaces = true});
    add({"default"},
        {.patterns = {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2, R"(\p{N}+)", kAsciiThreeDigits}});
    std::sort(names.begin(), names.end(),
              [](const Named& a, const Named& b) { return a.name < b.name; });
    return names;
  }();
  return all;
}

}  // namespace

std::optional<PreTokenizerRecipe> find_pre_tokenizer(std::string_view name) {
  for (const Named& entry : table()) {
    if (entry.name == name) return entry.recipe;
  }
  return std::nullopt;
}

std::vector<std::string_view> known_pre_tokenizers() {
  std::vector<std::string_view> names;
  for (const Named& entry : table()) names.push_back(entry.name);
  return names;
}

}  // namespace jielong
