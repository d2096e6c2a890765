/* Counts the tokens of a text in C; without a model it shows that errors arrive. */
#include <jielong/jielong.h>
#include <stdio.h>

int main(int argc, char** argv) {
  jielong_model_options options;
  jielong_model* model = NULL;
  size_t count = 0;
  jielong_status status;

  jielong_model_options_init(&options, sizeof options);
  options.threads = 1;
  status = jielong_model_load(argc > 1 ? argv[1] : "/no/such/model.gguf", &options, &model);
  if (status != JIELONG_OK) {
    printf("%s\n", jielong_last_error());
    return argc == 1 && status == JIELONG_NOT_FOUND ? 0 : 1;
  }
  status = jielong_tokenize(model, "abc", 3, 0, NULL, 0, &count);
  printf("%zu tokens\n", count);
  jielong_model_free(model);
  return status == JIELONG_BUFFER_TOO_SMALL && count > 0 ? 0 : 1;
}
