// What gan.h makes of a CSV with categories, for tools/check_formats: columns PATH CATEGORIES LABEL
// prints a line for each column's name, "class NAME" for each class, "row VALUES LABEL" for each sample.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAN_IMPLEMENTATION
#include "gan.h"

int main(int argc, char **argv)
{
    gan_context *ctx = gan_create(NULL);
    gan_dataset_desc desc;
    gan_dataset *d;
    gan_tensor *x, *y = NULL;
    int n, per, i, k, at;
    memset(&desc, 0, sizeof desc);
    if (argc != 4) return 2;
    desc.path = argv[1];
    desc.categories = argv[2];
    desc.label_column = atoi(argv[3]);
    d = gan_dataset_open(ctx, &desc);
    n = (int)gan_dataset_size(d);
    x = n ? gan_dataset_batch(d, n, &y) : NULL;
    if (!n || gan_error(ctx)) {
        printf("%s\n", gan_error_message(ctx));
        return 1;
    }
    per = (int)gan_numel(x) / n;
    for (i = 0; i < per; ++i) printf("%s\n", gan_dataset_column_name(d, i));
    for (i = 0; i < gan_dataset_classes(d); ++i) printf("class %s\n", gan_dataset_class_name(d, i));
    for (i = 0; i < n; ++i) {
        for (at = 0; (int)d->order[at] != i; ++at) {}
        printf("row");
        for (k = 0; k < per; ++k) printf(" %.9g", (double)gan_data(x)[at * per + k]);
        if (y) printf(" %.9g", (double)gan_data(y)[at]);
        printf("\n");
    }
    gan_destroy(ctx);
    return 0;
}
