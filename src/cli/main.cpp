#include "cli/program.h"

int main(int argc, char** argv) { return jielong::cli::run_program(argc, argv); }
