#include "train/recipe_fields.h"

namespace jielong {
namespace {

constexpr double kMany = 1e15;  // counts stay exact in JSON's numbers

void visit(RecipeVisitor& v, ModelRecipe& model) {
  v.text("from", model.from,
         "A model to go on from: a file, a folder or a name; empty: a new one, as said below",
         TextKind::model);
  v.choice("family", model.family, "The architecture of a new model",
           {"llama", "qwen2", "qwen3", "qwen3moe", "gemma2", "gemma3", "gpt2", "phi3", "bert",
            "mamba", "mamba2", "hybrid"});
  v.text("pattern", model.pattern,
         "Sublayers of a hybrid, one letter each, repeated until there are enough: A attention, "
         "M Mamba, S Mamba-2, D gated DeltaNet, F and G feed-forward with and without gate, "
         "E experts");
  v.count("layers", model.layers, "Layers; of a hybrid: sublayers", {1, 1024});
  v.count("channels", model.channels, "Width of the residual stream", {1, 65536});
  v.count("heads", model.heads, "Attention heads", {1, 1024});
  v.count("kv_heads", model.kv_heads, "Key and value heads; 0: as many as heads", {0, 1024});
  v.count("head_channels", model.head_channels, "Channels of a head; 0: channels / heads",
          {0, 4096});
  v.count("feed_forward", model.feed_forward,
          "Hidden width of feed-forward layers; 0: four times the channels, or as many "
          "parameters with a gate",
          {0, 1 << 20});
  v.count("context", model.context, "Positions the model learns", {1, 1 << 24});
  v.flag("tied_embeddings", model.tied_embeddings, "The head reuses the token embedding");
  v.flag("qk_norm", model.qk_norm, "Norms on queries and keys");
  v.flag("value_residual", model.value_residual, "Values of the first layer are mixed into others");
  v.flag("share_layers", model.share_layers,
         "One set of parameters for all layers, or all repetitions of the pattern (ALBERT)");
  v.number("attention_soft_cap", model.attention_soft_cap,
           "Attention scores are bent to stay below; 0: off", {0, 1e6});
  v.number("logit_soft_cap", model.logit_soft_cap, "Logits are bent to stay below; 0: off",
           {0, 1e6});
  v.number("rope_base", model.rope_base, "Base of the rotary position embedding", {1, 1e12});
  v.count("experts", model.experts, "Experts of a feed-forward layer; 0: no experts", {0, 1024});
  v.count("experts_used", model.experts_used, "Experts that each token is sent to", {1, 1024});
  v.count("expert_feed_forward", model.expert_feed_forward,
          "Hidden width of an expert; 0: feed_forward", {0, 1 << 20});
  v.number("balance", model.balance, "Weight of the loss that spreads tokens over experts",
           {0, 100});
  v.count("inner_channels", model.inner_channels,
          "Width inside Mamba and DeltaNet; 0: by the channels", {0, 1 << 20});
  v.count("state_channels", model.state_channels,
          "State of such a channel; of DeltaNet: channels of a key; 0: the usual", {0, 4096});
  v.count("state_heads", model.state_heads,
          "Heads of Mamba-2 and DeltaNet, rank of Mamba's steps; 0: the usual", {0, 4096});
  v.count("convolution", model.convolution, "Tokens that their convolutions see", {1, 64});
  v.number("initial_deviation", model.initial_deviation,
           "Standard deviation that matrices begin with", {0, 10});
}

void visit(RecipeVisitor& v, TokenizerRecipe& tokenizer) {
  v.text("from", tokenizer.from,
         "A tokenizer.json, or a model to take the tokenizer of; empty: train one",
         TextKind::model);
  v.choice("train", tokenizer.train,
           "How to learn a new one from the data; bytes: every byte a token, and one pair",
           {"bpe", "unigram", "bytes"});
  v.count("size", tokenizer.size, "Tokens of the new vocabulary", {258, 1 << 20});
  v.count("sample_bytes", tokenizer.sample_bytes, "How much text it is learned from", {1, kMany});
  v.flag("chat", tokenizer.chat, "A chat template (ChatML) and its tokens for a new tokenizer");
}

void visit(RecipeVisitor& v, SourceRecipe& source) {
  v.text("path", source.path,
         "Text, JSON lines or Parquet: a file, a folder, or a pattern such as texts/*.txt",
         TextKind::path);
  v.choice("cut", source.cut, "What a document of a text file is", {"file", "paragraphs", "lines"});
  v.text("separator", source.separator,
         "A line that ends a document of a text file, as <|endoftext|>; instead of cut");
  v.number("weight", source.weight, "Share of the training tokens, relative to other sources",
           {0, 1e6});
}

void visit(RecipeVisitor& v, FieldsRecipe& fields) {
  v.text("text", fields.text, "The text of a document");
  v.text("label", fields.label, "classify: the class");
  v.text("messages", fields.messages, "instruct: a chat, a list of role and content");
  v.text("prompt", fields.prompt, "instruct, preference: what is read but not learned");
  v.text("answer", fields.answer, "instruct: what is learned");
  v.text("chosen", fields.chosen, "preference: the better answer");
  v.text("rejected", fields.rejected, "preference: the worse answer");
}

void visit(RecipeVisitor& v, DataRecipe& data) {
  v.sections(
      "sources", "What to learn from",
      {[&] { return data.sources.size(); }, [&](std::size_t size) { data.sources.resize(size); },
       [&](std::size_t index) { visit(v, data.sources[index]); },
       [&] {
         SourceRecipe source;
         visit(v, source);
       }});
  v.section("fields", "Where JSON lines and Parquet files have it", [&] { visit(v, data.fields); });
  v.number("held_out", data.held_out,
           "Share of the documents that is only evaluated on, chosen by their hash", {0, 0.9});
  v.flag("drop_duplicates", data.drop_duplicates, "Documents that come again count once");
  v.text("cache", data.cache,
         "Folder for the data as tokens; empty: $XDG_CACHE_HOME/jielong/tokens", TextKind::path);
}

void visit(RecipeVisitor& v, ObjectiveRecipe& objective) {
  v.choice("kind", objective.kind, "What is learned",
           {"next_token", "masked", "classify", "instruct", "preference"});
  v.number("mask_share", objective.mask_share, "masked: share of the tokens that is hidden",
           {0.001, 0.9});
  v.number("beta", objective.beta,
           "preference (DPO): how strongly the model is kept near where it began", {1e-6, 100});
}

void visit(RecipeVisitor& v, GroupRecipe& group) {
  v.text("name", group.name, "For messages");
  v.texts("match", group.match,
          "Names of parameters with * and ?, as \"blk.*.attn_?.weight\"; one must match");
  v.flag("frozen", group.frozen, "Not trained at all");
  v.choice("kind", group.kind, "Optimizer; empty: as the others",
           {"", "adamw", "muon", "lion", "sgd"});
  v.number("learning_rate", group.learning_rate, "0: as the others", {0, 1000});
  v.number("weight_decay", group.weight_decay, "-1: as the others", {-1, 100});
}

void visit(RecipeVisitor& v, OptimizerRecipe& optimizer) {
  v.choice("kind", optimizer.kind,
           "Muon takes matrices and leaves embeddings, head and vectors to AdamW",
           {"adamw", "muon", "lion", "sgd"});
  v.number("learning_rate", optimizer.learning_rate, "At the schedule's highest", {0, 1000});
  v.number("adamw_learning_rate", optimizer.adamw_learning_rate,
           "Muon: for what it leaves to AdamW", {0, 1000});
  v.number("weight_decay", optimizer.weight_decay, "Decoupled; not for norms and biases", {0, 100});
  v.number("beta1", optimizer.beta1, "AdamW, Lion: memory of the gradient", {0, 0.999999});
  v.number("beta2", optimizer.beta2, "AdamW, Lion: memory of its square", {0, 0.9999999});
  v.number("epsilon", optimizer.epsilon, "AdamW: keeps divisors above zero", {1e-30, 1});
  v.number("momentum", optimizer.momentum, "Muon, SGD", {0, 0.999999});
  v.flag("nesterov", optimizer.nesterov, "Muon, SGD: momentum looks ahead");
  v.number("clip", optimizer.clip, "Longest gradient, over all parameters; 0: off", {0, 1e9});
  v.number("average", optimizer.average,
           "Decay of a moving average of the parameters, which is then what is evaluated and "
           "saved; 0: none",
           {0, 0.9999999});
  v.sections("groups", "Parameters with settings of their own; the first match counts",
             {[&] { return optimizer.groups.size(); },
              [&](std::size_t size) { optimizer.groups.resize(size); },
              [&](std::size_t index) { visit(v, optimizer.groups[index]); },
              [&] {
                GroupRecipe group;
                visit(v, group);
              }});
}

void visit(RecipeVisitor& v, ScheduleRecipe& schedule) {
  v.choice("kind", schedule.kind,
           "How the learning rate falls; wsd: stays, then falls fast at the end",
           {"cosine", "wsd", "linear", "constant"});
  v.number("warmup_share", schedule.warmup_share, "Share of the steps in which it rises", {0, 1});
  v.number("decay_share", schedule.decay_share, "wsd: share of the steps that it falls in", {0, 1});
  v.number("final_factor", schedule.final_factor, "What is left of it at the end", {0, 1});
}

void visit(RecipeVisitor& v, BatchRecipe& batch) {
  v.count("sequences", batch.sequences, "Sequences that are computed at once", {1, 1 << 20});
  v.count("length", batch.length, "Tokens of a sequence", {1, 1 << 24});
  v.count("accumulate", batch.accumulate, "Batches a step: a larger batch in the same memory",
          {1, 1 << 20});
}

void visit(RecipeVisitor& v, BudgetRecipe& budget) {
  v.count("steps", budget.steps, "Steps of the optimizer; 0: no limit", {0, kMany});
  v.count("tokens", budget.tokens, "Tokens to learn from; 0: no limit", {0, kMany});
  v.number("minutes", budget.minutes, "Time to train; 0: no limit", {0, 1e7});
}

void visit(RecipeVisitor& v, EvaluationRecipe& evaluation) {
  v.count("every", evaluation.every, "Steps between evaluations on held-out data; 0: never",
          {0, kMany});
  v.count("batches", evaluation.batches, "Batches of each", {1, 1 << 24});
}

void visit(RecipeVisitor& v, SamplesRecipe& samples) {
  v.texts("prompts", samples.prompts, "Beginnings that the model goes on from now and then");
  v.count("every", samples.every, "Steps between samples; 0: with each evaluation", {0, kMany});
  v.count("tokens", samples.tokens, "Length of a sample", {1, 65536});
  v.number("temperature", samples.temperature, "Of the dice", {0, 100});
}

void visit(RecipeVisitor& v, CheckpointRecipe& checkpoints) {
  v.count("every", checkpoints.every, "Steps between checkpoints; 0: at the end only", {0, kMany});
  v.count("keep", checkpoints.keep, "How many of the latest stay", {1, 10000});
  v.flag("keep_best", checkpoints.keep_best, "Also that of the lowest held-out loss");
}

}  // namespace

void visit_recipe(RecipeVisitor& v, Recipe& recipe, std::string& extends) {
  v.text("extends", extends, "Another recipe, of which this one says only what differs",
         TextKind::recipe);
  v.text("name", recipe.name, "Of the run and its folder; empty: the file's");
  v.text("about", recipe.about, "What this is for, shown in the report");
  v.count("seed", recipe.seed, "The same seed gives the same bytes", {0, kMany});
  v.count("threads", recipe.threads, "0: one for each core", {0, 1024});
  v.choice("precision", recipe.precision,
           "What factors of products are rounded to; sums and parameters are always f32",
           {"f32", "bf16"});
  v.flag("checkpoint_activations", recipe.checkpoint_activations,
         "Compute layers twice instead of keeping what is inside them: less memory, more time");
  v.section("model", "What is trained", [&] { visit(v, recipe.model); });
  v.section("tokenizer", "How text becomes tokens", [&] { visit(v, recipe.tokenizer); });
  v.section("data", "What is learned from", [&] { visit(v, recipe.data); });
  v.section("objective", "What is learned", [&] { visit(v, recipe.objective); });
  v.section("optimizer", "How parameters move", [&] { visit(v, recipe.optimizer); });
  v.section("schedule", "The learning rate over time", [&] { visit(v, recipe.schedule); });
  v.section("batch", "How much a step sees", [&] { visit(v, recipe.batch); });
  v.section("budget", "When to stop: at whichever limit comes first",
            [&] { visit(v, recipe.budget); });
  v.section("evaluation", "Looking at held-out data", [&] { visit(v, recipe.evaluation); });
  v.section("samples", "Text by the model on its way", [&] { visit(v, recipe.samples); });
  v.section("checkpoints", "Going on after an interruption", [&] { visit(v, recipe.checkpoints); });
}

}  // namespace jielong
