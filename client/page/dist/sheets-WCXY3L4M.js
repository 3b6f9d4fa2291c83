import{a,b,c}from"./chunk-4RAF7SDG.js";import"./chunk-VMEAZ3MX.js";import"./chunk-74D457SR.js";export{b as more,a as sheet,c as why};
