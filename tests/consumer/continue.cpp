// Continues "abc" greedily, or says why it cannot: with a model's path as argument it must
// succeed, without one it shows that errors arrive.
#include <iostream>
#include <jielong/jielong.hpp>

int main(int argc, char** argv) {
  try {
    jielong::Model model(argc > 1 ? argv[1] : "/no/such/model.gguf");
    jielong::Chain chain(model);
    chain.append(model.tokenize("abc"));
    jielong::GenerateOptions options;
    options.temperature = 0;
    options.max_tokens = 8;
    const auto answer = chain.generate(options);
    std::cout << answer.result.generated_tokens << " tokens\n";
    return answer.result.generated_tokens > 0 ? 0 : 1;
  } catch (const jielong::Error& error) {
    std::cout << error.what() << '\n';
    return argc == 1 && error.status() == JIELONG_NOT_FOUND ? 0 : 1;
  }
}
