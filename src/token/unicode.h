#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jielong {

/// The coarse classes that pre-tokenizers tell apart (Unicode general categories).
enum class CharClass : std::uint8_t { other, letter, number, space, mark, punctuation, symbol };

namespace unicode {

/// space is the White_Space property, which some categories overlap.
CharClass char_class(char32_t c);

inline bool is_letter(char32_t c) { return char_class(c) == CharClass::letter; }
inline bool is_number(char32_t c) { return char_class(c) == CharClass::number; }
bool is_space(char32_t c);
/// Unicode category P.
bool is_punctuation(char32_t c);
/// Regular expressions' \w: alphabetic, marks, decimal digits, connectors.
bool is_word(char32_t c);
/// BERT's punctuation: category P and every ASCII sign.
bool is_bert_punctuation(char32_t c);
/// Categories Cc, Cf, Cn, Co, but not tab, line feed, carriage return.
bool is_bert_control(char32_t c);
/// The CJK ideograph blocks that BERT isolates (not kana, not hangul).
bool is_ideograph(char32_t c);
/// Category Mn.
bool is_nonspacing_mark(char32_t c);
bool is_ascii(std::string_view text);

/// Full lower case; of one character that may be three ("İ" → "i̇").
std::string lower_case(std::string_view text);

enum class Form { nfc, nfd, nfkc, nfkd };
/// Unicode normalization (UAX 15) in O(n log n) for any input; malformed bytes stay as
/// they are and separate what is before from what is behind them.
std::string normalize(std::string_view text, Form form);

/// The end of the grapheme cluster (UAX 29) at the front of `text`, in bytes.
std::size_t grapheme_length(std::string_view text);

}  // namespace unicode
}  // namespace jielong
