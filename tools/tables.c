// Prints, as Markdown, what gan.h has by its own tables. tools/check_tables holds the README to it.
#define GAN__TABLES
#include "gan.h"

#include <stdio.h>
#include <string.h>

// A cell of names apart by commas.
static void row(const char *what, int n, const char *const *names)
{
    int i;
    printf("| %s (%d) |", what, n);
    for (i = 0; i < n; ++i) printf("%s %s", i ? "," : "", names[i]);
    printf(" |\n");
}

#define NAME2(id, name) #name,
#define NAME3(id, name, ...) #name,
#define LISTED(variable, TABLE, NAME) static const char *const variable[] = {TABLE(NAME)};
LISTED(operations, GAN__OPERATIONS, NAME3)
LISTED(layers, GAN__LAYERS, NAME2)
LISTED(blocks, GAN__BLOCKS, NAME2)
LISTED(inits, GAN_INITS, NAME2)
LISTED(parametrizations, GAN_PARAMETRIZATIONS, NAME2)
LISTED(losses, GAN_LOSSES, NAME3)
LISTED(objectives, GAN__OBJECTIVES, NAME2)
LISTED(penalties, GAN_PENALTIES, NAME3)
LISTED(augments, GAN_AUGMENTS, NAME3)
LISTED(optimizers, GAN_OPTIMIZERS, NAME3)
LISTED(schedules, GAN_SCHEDULES, NAME3)
LISTED(games, GAN_GAMES, NAME2)
LISTED(toys, GAN_TOYS, NAME3)
LISTED(formats, GAN_FORMATS, NAME2)
LISTED(metrics, GAN__METRICS, NAME2)
LISTED(problems, GAN_DIAGNOSES, NAME3)
#define ROW(what, list) row(what, (int)(sizeof list / sizeof *list), list)

int main(void)
{
    puts("| | |\n|---|---|");
    ROW("Operations, each differentiable again", operations);
    ROW("Layers", layers);
    ROW("Blocks", blocks);
    ROW("Initializers", inits);
    ROW("Weights as", parametrizations);
    ROW("Adversarial losses, each plain, relativistic or relativistic average", losses);
    ROW("Objectives", objectives);
    ROW("Penalties and constraints", penalties);
    ROW("Augmentations, on the tape", augments);
    ROW("Optimizers", optimizers);
    ROW("Schedules", schedules);
    ROW("Games", games);
    ROW("Toys", toys);
    ROW("Data read", formats);
    ROW("Measures", metrics);
    ROW("Diagnoses of a run", problems);
    return 0;
}
