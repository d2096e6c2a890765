#pragma once

#include <cstdint>
#include <memory>

#include "token/tokenizer.h"
#include "train/batch_source.h"
#include "train/data/prepare.h"

namespace jielong {

struct BatchSettings {
  std::uint64_t seed = 0;
  int rank = 0, world = 1;  ///< of a data-parallel run
  /// The documents that are held out, instead of those to train on.
  bool held_out = false;
  /// Every document once, in order; then empty batches. Else shuffled for ever.
  bool once = false;
  double mask_share = 0.15;  ///< of the tokens, for masked learning
};

/// Batches of prepared data as its format wants them:
/// - next_token: each row's target is the token after it; documents longer than a sequence go on in
///   the next one, with positions from 0;
/// - masked: of each window `mask_share` of the tokens are targets, 80 % of them hidden behind the
///   mask token, 10 % behind a random one;
/// - classify: whole texts, cut to the length of a sequence, with labels;
/// - instruct: whole chats, cut likewise, targets in the answers only;
/// - preference: pairs, cut likewise; `sequences` must be even.
///
/// `data` and `tokenizer` must outlive the source. Throws Error(not_found) when there is no
/// held-out document, Error(bad_input) when the tokenizer has no mask token to hide tokens behind.
std::unique_ptr<BatchSource> make_batch_source(const PreparedData& data, const Tokenizer& tokenizer,
                                               const BatchSettings& settings);

}  // namespace jielong
